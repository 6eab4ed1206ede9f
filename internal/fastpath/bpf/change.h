/*
 * What becomes of the content of a packet: SRTP is opened and sealed (RFC 3711, AES in counter mode and HMAC-SHA1), and octets of one law of G.711 become those
 * of the other.
 *
 * A key stream of AES in counter mode depends on the number of a packet and not on what is in it. So user space, which has the processor's instructions for AES, makes
 * it some packets ahead, and all that is left here is to combine the two. What is opened and sealed again takes one stream, the sum of both. Where no stream is ready, user space
 * takes the packet.
 */

enum {
	LONGEST = 344, /* octets of payload */
	WORDS_MOST = 15, /* of a header extension (RFC 3550 §5.3.1) */
	HEAD_MOST = RTP_HEADER + 4 + 4 * WORDS_MOST,
	TAG_MOST = 10,
	LONGEST_DRAFT = HEAD_MOST + LONGEST + TAG_MOST, /* octets of a packet */
	CHUNK = 64, /* secrets of one map */
	CHUNKS = 512,

	SLOT = 88,
	SLOTS = 32,

	OPENS = 0, /* of the arrays in struct secret */
	SEALS = 1,

	TO_MU = 1, /* laws */
	TO_A = 2,
};

/* secret is what opens or seals a flow, or both. User space writes all of it, and a slot only where this program has passed. */
struct secret {
	u32 inner[2][5], outer[2][5]; /* of HMAC-SHA1, behind the block that is the key (RFC 2104 §4) */
	u32 rollovers[2];
	u8 tag[2]; /* octets; 0: RTP */
	u8 wide;   /* 1: two slots are one, 2: four */
	u16 most;  /* octets of payload that there are streams for */
	u64 seen;  /* of the last 64 numbers, those that came: bit 0 is the last */

	/* By number: a word with the low bits of its index and a 1, a word that is not used, and the key stream. Those behind the last are there for the verifier. */
	u8 slot[(SLOTS + 4) * SLOT];
};

struct chunk {
	map_type(MAP_ARRAY);
	map_flags_are(MAP_MMAPABLE);
	map_holds(CHUNK);
	u32 *key;
	struct secret *value;
} first SEC(".maps");

struct {
	map_type(MAP_ARRAY_OF_MAPS);
	map_holds(CHUNKS);
	u32 *key;
	struct chunk *values[];
} secrets SEC(".maps"); /* of that one and more, which user space makes as they are needed; the first secret is never used */

volatile const u8 laws[2][256]; /* by enum law, less one */

/* draft is where a packet is changed: its RTP at an offset where the payload behind a header of 12 octets can be read in words, and behind it room for padding. */
enum { DRAFT = 4 };
struct draft {
	union {
		u8 b[1024];
		u64 w[128];
		struct {
			u32 packet[240];
			u32 last[16]; /* block of HMAC */
		};
	};
	u32 schedule[80]; /* of SHA-1 */
	u32 state[5];
	u32 payload; /* octets of what the packet became */
	s64 sum;     /* by how much their checksum changes */
};

struct {
	map_type(MAP_ARRAY_PER_CPU);
	map_holds(1);
	u32 *key;
	struct draft *value;
} drafts SEC(".maps");

#include "sha1.h"

/* limit has the verifier know that an offset is within a draft, with room behind it. */
static inline u32 limit(u32 offset)
{
	hide(offset);
	return offset & 0x3ff;
}

/* bounded has it know that a length is of 1 to 512 octets. By a comparison older kernels (6.18.5 is one) do not always learn that: the compiler may compare a
 * difference, or have a copy elsewhere already. */
static inline u32 bounded(u32 n)
{
	n--;
	hide(n);
	return (n & 0x1ff) + 1;
}

/* Words are written and read at any octet: where a machine cannot, the verifier refuses. */
#define word(offset) (*(u32 *)(d->b + limit(offset)))
#define words(offset) (*(u64 *)(d->b + limit(offset)))

/* secret_of finds one. 0: there is none. */
static inline struct secret *secret_of(u32 index)
{
	u32 chunk = index / CHUNK, i = index % CHUNK;
	void *map = map_lookup(&secrets, &chunk);

	return map ? map_lookup(map, &i) : 0;
}

/*
 * What follows are functions that the verifier looks at once, wherever they are called, and so without knowing what with. A secret is given by its number: a pointer to it need not
 * be one where the verifier tries what the processor may do ahead of time, and after that no call is taken for sound.
 */

/* authenticate computes HMAC-SHA1 of a packet of n octets and its rollover counter (RFC 3711 §4.2) into the state. */
__attribute__((noinline)) int authenticate(struct draft *d, u32 n, u32 secret, u32 way)
{
	const struct secret *x = secret_of(secret);
	if (!d || !x || n > HEAD_MOST + LONGEST)
		return 0;
	u32 rollovers = x->rollovers[way & 1];
	u32 end = DRAFT + n, blocks = (n + 4 + 9 + 63) / 64;

	word(end) = net32(rollovers);
	word(end + 4) = net32(0x80000000);
#pragma unroll
	for (int i = 0; i < 64; i += 8) /* to the end of the block, which may be the next */
		words(end + 8 + i) = 0;
	word(DRAFT + blocks * 64 - 4) = net32((64 + n + 4) * 8);

	__builtin_memcpy(d->state, x->inner[way & 1], sizeof(d->state));
	for (u32 i = 0; i < 7 && i < blocks; i++)
		sha1(d, DRAFT + 64 * i);
#pragma unroll
	for (int j = 0; j < 5; j++)
		d->last[j] = net32(d->state[j]);
	d->last[5] = net32(0x80000000);
#pragma unroll
	for (int j = 6; j < 15; j++)
		d->last[j] = 0;
	d->last[15] = net32((64 + 20) * 8);
	__builtin_memcpy(d->state, x->outer[way & 1], sizeof(d->state));
	return sha1(d, __builtin_offsetof(struct draft, last));
}

/* combine adds a key stream to k octets of payload, which begin at an offset in the draft. */
__attribute__((noinline)) int combine(struct draft *d, u32 secret, u32 slot, u32 payload, u32 k)
{
	const struct secret *x = secret_of(secret);
	if (!d || !x)
		return 0;
	slot &= 0xff8; /* which it is: the verifier wants it aligned */
	hide(slot);
	if (slot > (SLOTS - 1) * SLOT)
		return 0;
	const u8 *stream = x->slot + slot + 8;
	u8 *b = d->b + (payload & 0x7c);
	for (u32 i = 0; i < LONGEST / 8 && i * 8 < k; i++)
		*(u64 *)(b + 8 * i) ^= *(const u64 *)(stream + 8 * i);
	return 0;
}

/* translate makes them those of the other law. */
__attribute__((noinline)) int translate(struct draft *d, u32 law, u32 payload, u32 k)
{
	if (!d)
		return 0;
	const volatile u8 *codes = laws[law == TO_A];
	u8 *b = d->b + (payload & 0x7c);
	for (u32 i = 0; i < LONGEST && i < k; i++)
		b[i] = codes[b[i]];
	return 0;
}

/* genuine compares the tag that came with the one that was computed, in the same time wherever they differ. */
static inline u32 genuine(const struct draft *d, const u32 *tag, u32 size)
{
	u32 differs = net32(tag[0]) ^ d->state[0];

	if (size > 4)
		differs |= (net32(tag[1]) ^ d->state[1]) | (net32(tag[2]) ^ d->state[2]) >> 16;
	return !differs;
}

/* ready is where the key stream of a packet with k octets of payload is. -1: there is none. */
static __attribute__((noinline)) s64 ready(struct secret *x, u32 number, u32 k)
{
	u32 wide = x->wide & 3;
	u32 slot = ((number & ((SLOTS - 1) >> wide)) * SLOT << wide) & 0xff8;
	u32 opens = x->rollovers[OPENS], seals = x->rollovers[SEALS];

	hide(opens); /* or their address would be chosen, which the verifier does not like */
	hide(seals);
	hide(slot);
	u32 index = (x->tag[OPENS] ? opens : seals) << 17 | number << 1 | 1;
	if (k > x->most || slot > (SLOTS - 1) * SLOT)
		return -1;
	/* User space writes it last, and so is it read first. */
	return __sync_fetch_and_or((u32 *)(x->slot + slot), 0) == index ? (s64)slot : -1;
}

/* head is how long the header of a packet is. 0: it has padding, other sources or a long extension. */
static inline u32 head(struct packet *p, const struct place *at)
{
	u16 words;

	if (at->rtp.version_csrcs == 2 << 6)
		return RTP_HEADER;
	if (at->rtp.version_csrcs != (2 << 6 | 1 << 4) || load_bytes(p, at->udp + sizeof(struct udp) + RTP_HEADER + 2, &words, 2))
		return 0;
	return net16(words) > WORDS_MOST ? 0 : RTP_HEADER + 4 + 4 * net16(words);
}

/* change makes of a packet what it becomes, in the draft. 0: that is user space's. Nothing of the flow has changed then. */
static __attribute__((noinline)) u32 change(struct packet *p, struct flow *f, struct place *at, struct draft *d, u32 missing)
{
	u32 n = at->payload, at_rtp = at->udp + sizeof(struct udp);
	struct secret *x = 0;
	u32 opened = 0, sealed = 0;
	u32 before = head(p, at);
	u32 tag[3] = {};

	if (!before)
		return 0;
	if (f->secret) {
		x = secret_of(f->secret);
		if (!x)
			return 0;
		opened = x->tag[OPENS];
		sealed = x->tag[SEALS];
	}
	if (n <= before + opened || at->packet - opened + sealed > f->mtu)
		return 0;
	u32 m = n - opened, k = m - before;
	if (k > LONGEST)
		return 0;
	s64 slot = 0;
	if (x) {
		slot = ready(x, net16(at->rtp.sequence), k);
		if (slot < 0)
			return 0;
	}

	if (n > LONGEST_DRAFT)
		return 0;
	n = bounded(n);
	if (load_bytes(p, at_rtp, d->b + DRAFT, n))
		return 0;
	word(DRAFT + n) = 0;
	s64 sum = csum_diff((u32 *)(d->b + DRAFT), (n + 3) & ~3, 0, 0, 0);
	if (opened) {
		if (opened > 4 ? load_bytes(p, at_rtp + m, tag, 10) : load_bytes(p, at_rtp + m, tag, 4))
			return 0;
		authenticate(d, m, f->secret, OPENS);
		if (!genuine(d, tag, opened))
			return 0;
	}
	if (opened)
		combine(d, f->secret, slot, DRAFT + before, k);
	if (f->law)
		translate(d, f->law, DRAFT + before, k);
	if (x && !opened)
		combine(d, f->secret, slot, DRAFT + before, k);
	d->b[DRAFT + 1] = f->as_type;
	u32 out = m;
	if (sealed) {
		authenticate(d, m, f->secret, SEALS);
#pragma unroll
		for (u32 i = 0; i < 3; i++)
			word(DRAFT + m + 4 * i) = net32(d->state[i]);
		out += sealed;
	}
	word(DRAFT + out) = 0;
	if (out > LONGEST_DRAFT)
		return 0;
	out = bounded(out);
	d->sum = csum_diff(0, 0, (u32 *)(d->b + DRAFT), (out + 3) & ~3, sum);
	d->payload = out;
	at->rtp_length = m;
	if (x)
		x->seen = (missing < 63 ? x->seen << (missing + 1) : 0) | 1;
	return 1;
}
