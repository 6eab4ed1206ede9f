/* What the program needs of the kernel's interface, so that the object depends on no header that happens to be installed. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define inline inline __attribute__((always_inline))
#define unlikely(x) __builtin_expect(!!(x), 0)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define net16(x) __builtin_bswap16(x)
#define net32(x) __builtin_bswap32(x)
#else
#define net16(x) (x)
#define net32(x) (x)
#endif

/* Declarations of maps are read from BTF. */
#define map_type(n) int (*type)[n]
#define map_flags_are(n) int (*map_flags)[n]
#define map_holds(n) int (*max_entries)[n]

/* hide keeps the compiler from knowing a value, and so from leaving out what the verifier has to see. */
#define hide(x) asm volatile("" : "+r"(x))

/* settled has the compiler write to memory what it holds, and make no call of a library that there is not. */
#define settled() asm volatile("" ::: "memory")

enum {
	MAP_ARRAY = 2,
	MAP_ARRAY_PER_CPU = 6,
	MAP_ARRAY_OF_MAPS = 12,
	MAP_MMAPABLE = 1 << 10,

	VERDICT_NEXT = -1, /* of tcx: to the next program, and then to the stack */
	VERDICT_SHOT = 2,

	CSUM_SIZE_4 = 4,
	CSUM_PSEUDO = 1 << 4,
	CSUM_KEEP_ZERO = 1 << 5,

	PACKET_HOST = 0,
};

/* struct __sk_buff of the kernel, up to what is read of it. */
struct packet {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
	u32 vlan_present;
	u32 vlan_tci;
	u32 vlan_proto;
	u32 priority;
	u32 ingress_ifindex;
	u32 ifindex;
	u32 tc_index;
	u32 cb[5];
	u32 hash;
	u32 tc_classid;
	u32 data;
	u32 data_end;
	u32 napi_id;
	u32 family;
	u32 remote_ip4;
	u32 local_ip4;
	u32 remote_ip6[4];
	u32 local_ip6[4];
	u32 remote_port;
	u32 local_port;
	u32 data_meta;
	u64 flow_keys;
	u64 tstamp;
	u32 wire_len;
	u32 gso_segs;
	u64 sk;
	u32 gso_size;
};

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static u64 (*ktime)(void) = (void *)5;
static long (*store_bytes)(struct packet *, u32 offset, const void *from, u32 len, u64 flags) = (void *)9;
static long (*l4_csum_replace)(struct packet *, u32 offset, u64 from, u64 to, u64 flags) = (void *)11;
static long (*load_bytes)(const struct packet *, u32 offset, void *to, u32 len) = (void *)26;
static s64 (*csum_diff)(const void *from, u32 from_size, const void *to, u32 to_size, u32 seed) = (void *)28;
static long (*change_tail)(struct packet *, u32 len, u64 flags) = (void *)38;
static long (*pull_data)(struct packet *, u32 len) = (void *)39;
static long (*redirect_neigh)(u32 ifindex, void *params, s32 plen, u64 flags) = (void *)152;

struct ethernet {
	u8 to[6], from[6];
	u16 protocol;
};

struct ipv4 {
	u8 version_length, tos;
	u16 length, id, fragment;
	u8 ttl, protocol;
	u16 checksum;
	u32 from, to;
};

struct ipv6 {
	u32 version_class_label;
	u16 length;
	u8 next, hops;
	u32 from[4], to[4];
};

struct udp {
	u16 from, to, length, checksum;
};

struct rtp { /* RFC 3550 §5.1 */
	u8 version_csrcs, marker_type;
	u16 sequence;
	u32 timestamp, ssrc;
};
