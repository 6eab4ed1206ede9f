/*
 * Steering: a UDP datagram to a port of ours goes into the socket of the worker that serves the port, whichever socket is bound there.
 *
 * All that is decided here is a look into a table. What is not in it goes where it would go without this program: so the servers of one
 * host, each with a program and with ports of its own, and everybody else's sockets are not in each other's way.
 */

#include "kernel.h"

enum {
	MAP_HASH = 1,
	MAP_ARRAY = 2,
	MAP_SOCKMAP = 15,
	MAP_MMAPABLE = 1 << 10,

	PASS = 1, /* of sk_lookup: to the socket that was assigned, else to the one that is bound */

	INET = 2, /* address family */
	UDP = 17,
};

/* struct bpf_sk_lookup of the kernel. */
struct packet {
	u64 cookie;
	u32 family;
	u32 protocol;
	u32 remote_ip4;
	u32 remote_ip6[4];
	u16 remote_port;
	u16 unused;
	u32 local_ip4; /* addresses are as on the wire, the local port is in the processor's order */
	u32 local_ip6[4];
	u32 local_port;
	u32 ingress_ifindex;
};

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*sk_release)(void *socket) = (void *)86;
static long (*sk_assign)(struct packet *, void *socket, u64 flags) = (void *)124;

enum {
	ADDRESSES = 16,
	WORKERS = 128,
	PORTS = 1 << 16,
};

struct address { /* IPv4 is ::ffff:a.b.c.d, RFC 4291 §2.5.5.2 */
	u32 word[4];
};

struct row { /* of one address: the worker of each port, from 1 on; 0: the port is not ours */
	u8 worker[PORTS];
};

struct { /* the row of an address */
	map_type(MAP_HASH);
	map_holds(ADDRESSES);
	struct address *key;
	u32 *value;
} addresses SEC(".maps");

struct { /* which user space writes to without a system call */
	map_type(MAP_ARRAY);
	map_flags_are(MAP_MMAPABLE);
	map_holds(ADDRESSES);
	u32 *key;
	struct row *value;
} rows SEC(".maps");

struct { /* of each worker one for IPv4 and one for IPv6 */
	map_type(MAP_SOCKMAP);
	map_holds(2 * WORKERS);
	u32 *key;
	u64 *value;
} sockets SEC(".maps");

SEC("sk_lookup")
int steer(struct packet *p)
{
	struct address to = {{p->local_ip6[0], p->local_ip6[1], p->local_ip6[2], p->local_ip6[3]}}; /* zeros if it is IPv4 */
	u32 *index, key, v6 = p->family != INET;
	struct row *row;
	void *socket;

	if (p->protocol != UDP)
		return PASS;
	if (!v6)
		to.word[2] = net32(0xffff);
	to.word[3] |= p->local_ip4; /* zero if it is IPv6 */
	index = map_lookup(&addresses, &to);
	if (!index)
		return PASS;
	row = map_lookup(&rows, index);
	if (!row)
		return PASS;
	key = row->worker[p->local_port & (PORTS - 1)];
	if (!key)
		return PASS;
	key = 2 * (key - 1) + v6;
	socket = map_lookup(&sockets, &key);
	if (!socket)
		return PASS;
	sk_assign(p, socket, 0);
	sk_release(socket);
	return PASS;
}
