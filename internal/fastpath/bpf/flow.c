/*
 * The kernel's part of the relay. User space has seen a packet of a source pass, and installs what is to become of those that follow it in
 * the regular way: newer numbers, same type. Such a packet is counted, readdressed and sent on. Every
 * other goes on to the stack, and so to the socket that is bound to its port: this program never decides.
 * What becomes of the content of packets, where that changes, is in change.h.
 *
 * A packet that follows directly upon the last is taken at once. One behind a gap waits for nobody if what is missing was lost; but it may have gone to
 * user space a moment ago. So for a while after that, those behind it take the same way and nothing is overtaken; and if user space takes longer than
 * that, it is overtaken, or else it could never catch up with more streams than it can carry.
 *
 * The maps are memory that user space shares. A flow is locked by whoever works on it, so user space reads, changes and takes out
 * flows without a system call, and nothing is counted that it does not see.
 */
#include "kernel.h"

enum {
	PAIRS = 1 << 15, /* of ports */
	CHAIN = 16,	 /* flows of one pair, at different addresses */

	FREE = 0, /* states of a flow; FREE is also "user space is working on it, or has taken it out" */
	OPEN = 1,
	BUSY = 2, /* for some tens of nanoseconds, and where SRTP is opened or sealed for two microseconds */

	IP4 = 4,
	IP6 = 6,
	UDP = 17,
	HOPS = 64,

	RTP_HEADER = 12,
	HEADERS = 14 + 40 + 8 + RTP_HEADER,
	WINDOW = 64, /* quality.Lateness */
	ADAPTIVE = 10,
	DROPOUT = 3000, /* RFC 3550 A.1, as in user space */
	GAPS = 8,
	PATIENCE = 15000000, /* ns */
	PAUSE = 1760, /* of 8 kHz: the packet before, and what relay/observe.go calls a pause */
};

struct flow {
	u32 state;
	u32 next; /* flow of the same pair of ports; 0: none */

	/* What user space has decided. Addresses and ports are as on the wire; IPv4 has one word. */
	u32 local[4], source[4];  /* of the packets that belong to it */
	u32 from[4], to[4];	  /* that they get */
	u16 local_port, source_port, from_port, to_port;
	u32 ifindex;
	u16 mtu;
	u8 family, tos;
	u32 ssrc, rate; /* of the clock, in Hz */
	u32 buffer;	/* in its ticks: what is later than the fastest by more is late */
	u32 secret; /* what opens and seals it; 0: it is RTP on both sides */
	u8 payload_type, as_type; /* and under which it leaves */
	u8 law;		/* of G.711, that its octets become: enum law */

	/* What is regular next, and what was counted since user space has looked. */
	u8 gaps;       /* how many */
	u16 sequence;  /* of the next packet */
	u16 every;     /* so many packets, then user space wants to see one */
	u16 credit;    /* how many are left of those */
	u16 run;       /* packets since the last gap */
	u16 window;
	struct {
		u16 run, step; /* so many packets, then one whose number is so much higher */
	} gap[GAPS];
	u32 packets, bytes;
	u32 transit, timestamp, jitter; /* RFC 3550 A.8, as relay/count.go */
	u16 late, row; /* packets that were late, and in a row */
	u64 last;
	s64 up; /* when a packet went to user space */
	s64 moved, fastest, next_fastest, run_fastest; /* quality.Lateness */
};

struct {
	map_type(MAP_ARRAY);
	map_flags_are(MAP_MMAPABLE);
	map_holds(PAIRS);
	u32 *key;
	u64 *value; /* an array's values are eight octets apart anyway */
} pairs SEC(".maps"); /* by half of the port: its first flow; 0: none */

struct {
	map_type(MAP_ARRAY);
	map_flags_are(MAP_MMAPABLE);
	map_holds(1); /* set when it is loaded */
	u32 *key;
	struct flow *value;
} flows SEC(".maps"); /* flow 0 is never used */

volatile const u64 epoch; /* of user space's clock, in that of the kernel */

/*
 * Where old kernels know the value that eight octets of the stack begin with, they take what else is written there for the corruption of a pointer, if a user has no
 * CAP_PERFMON. So values have eight octets of their own, or are written after their neighbours; and what has to be kept a while is as wide.
 */
#define apart __attribute__((aligned(8)))

/* pair copies two words that share eight octets. */
static inline void pair(u32 *to, const u32 *from)
{
	to[1] = from[1];
	settled();
	to[0] = from[0];
}

/* place is what was found in a packet. */
struct place {
	u32 udp apart;	      /* offset */
	u32 payload apart;    /* octets of UDP */
	u32 rtp_length apart; /* of these, without what SRTP adds */
	u32 packet apart;     /* octets, without Ethernet */
	u32 from[4] apart, to[4];
	u16 from_port apart, to_port;
	u8 family apart;
	struct rtp rtp apart;
};

#include "change.h"

static inline u32 same(const u32 *a, const u32 *b, u8 family)
{
	return a[0] == b[0] && (family == IP4 || (a[1] == b[1] && a[2] == b[2] && a[3] == b[3]));
}

/* sound tells whether the header's checksum is right, which the stack has not looked at yet. */
static inline u32 sound(const struct ipv4 *ip)
{
	const u16 *w = (const u16 *)ip;
	u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)(sum + (sum >> 16)) == 0xffff;
}

/* parse finds the RTP packet in a frame; 0: there is none that this program takes. */
static inline u32 parse(struct packet *p, struct place *at)
{
	void *end;
	struct ethernet *eth;

	if (p->pkt_type != PACKET_HOST || p->vlan_present || p->gso_size)
		return 0;
	if (p->protocol != net16(0x0800) && p->protocol != net16(0x86dd))
		return 0;
	if ((void *)(u64)p->data + HEADERS > (void *)(u64)p->data_end && pull_data(p, p->len < HEADERS ? p->len : HEADERS))
		return 0;
	eth = (void *)(u64)p->data;
	end = (void *)(u64)p->data_end;
	u32 length;
	struct udp *udp;
	if (p->protocol == net16(0x0800)) {
		struct ipv4 *ip = (void *)(eth + 1);
		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) + RTP_HEADER > end)
			return 0;
		/* options, fragments and what is damaged are the stack's */
		if (ip->version_length != 0x45 || ip->protocol != UDP || (ip->fragment & net16(0x3fff)) || !sound(ip))
			return 0;
		at->family = IP4;
		at->udp = sizeof(*eth) + sizeof(*ip);
		at->packet = net16(ip->length);
		length = at->packet - sizeof(*ip);
		at->from[0] = ip->from;
		at->to[0] = ip->to;
	} else {
		struct ipv6 *ip = (void *)(eth + 1);
		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) + RTP_HEADER > end)
			return 0;
		if ((net32(ip->version_class_label) >> 28) != 6 || ip->next != UDP || !udp->checksum)
			return 0;
		at->family = IP6;
		at->udp = sizeof(*eth) + sizeof(*ip);
		length = net16(ip->length);
		at->packet = length + sizeof(*ip);
		pair(at->from, ip->from);
		pair(at->from + 2, ip->from + 2);
		pair(at->to, ip->to);
		pair(at->to + 2, ip->to + 2);
	}
	if (net16(udp->length) != length || length < sizeof(*udp) + RTP_HEADER || p->len < sizeof(*eth) + at->packet)
		return 0;
	at->to_port = udp->to;
	settled();
	at->from_port = udp->from;
	at->payload = at->rtp_length = length - sizeof(*udp);
	pair((u32 *)&at->rtp, (const u32 *)(udp + 1));
	at->rtp.ssrc = ((const struct rtp *)(udp + 1))->ssrc;
	return at->rtp.version_csrcs >> 6 == 2 && at->payload >= RTP_HEADER + 4 * (at->rtp.version_csrcs & 0x0f);
}

/* ours tells whether the packet belongs to the flow. */
static inline u32 ours(const struct flow *f, const struct place *at)
{
	return f->family == at->family && f->local_port == at->to_port && same(f->local, at->to, at->family) &&
	       f->source_port == at->from_port && same(f->source, at->from, at->family) && f->ssrc == net32(at->rtp.ssrc);
}

/* step is how many numbers were left out before a packet. -1: it is not regular. */
static inline s64 step(struct flow *f, const struct place *at, s64 now)
{
	u16 missing = net16(at->rtp.sequence) - f->sequence;
	u32 timestamp = net32(at->rtp.timestamp);

	/* The type is compared with the marker bit, which begins a talkspurt; RTCP on the same port has it set (RFC 5761). */
	if (f->payload_type != at->rtp.marker_type || at->packet > f->mtu)
		return -1;
	if (missing && (missing >= DROPOUT - 1 || now - f->up <= PATIENCE || f->gaps >= GAPS))
		return -1;
	if (!missing && f->rate == 8000 && (s32)(timestamp - f->timestamp) >= PAUSE) /* user space counts the pause */
		return -1;
	if (!f->credit) {
		f->credit = f->every;
		return -1;
	}
	return missing;
}

/* transit is when a packet came by the clock of its timestamps, minus that. */
static inline u32 transit(const struct flow *f, const struct place *at, s64 now)
{
	return (u64)now / 1000000000 * f->rate + (u64)now % 1000000000 * f->rate / 1000000000 - net32(at->rtp.timestamp);
}

/* jumps tells whether the clock of a source does, which user space looks into. */
static inline u32 jumps(const struct flow *f, const struct place *at, u32 transit)
{
	s64 d = (s32)(transit - f->transit);

	return net32(at->rtp.timestamp) != f->timestamp && (u64)(d < 0 ? -d : d) > 5 * (u64)f->rate;
}

/* count counts a packet that is regular, as relay/count.go does. */
static inline void count(struct flow *f, const struct place *at, s64 now, u32 transit, u32 missing)
{
	u32 timestamp = net32(at->rtp.timestamp);

	if (timestamp != f->timestamp) { /* else it is a part of a frame, or the length of an event */
		s64 d = (s32)(transit - f->transit);
		s64 moved = f->moved + d;

		f->moved = moved;
		f->transit = transit;
		f->timestamp = timestamp;
		f->jitter += (d < 0 ? -d : d) - ((f->jitter + 8) >> 4);
		if (moved < f->next_fastest)
			f->next_fastest = moved;
		if (moved < f->fastest)
			f->fastest = moved;
		if (moved - f->fastest <= f->buffer) {
			f->row = 0;
		} else {
			f->late++;
			if (!f->row || moved < f->run_fastest)
				f->run_fastest = moved;
			if (++f->row == ADAPTIVE) {
				f->row = 0;
				f->window = WINDOW;
				f->fastest = f->run_fastest;
				f->next_fastest = f->run_fastest;
			}
		}
		if (--f->window == 0) {
			f->window = WINDOW;
			f->fastest = f->next_fastest;
			f->next_fastest = moved;
		}
	}
	if (missing) {
		u32 i = f->gaps & (GAPS - 1);
		f->gap[i].run = f->run;
		f->gap[i].step = missing + 1;
		f->gaps++;
		f->run = 0;
	} else {
		f->run++;
	}
	f->sequence += missing + 1;
	f->credit--;
	f->packets++;
	f->bytes += at->rtp_length;
	f->last = now;
}

/* route is what a packet gets. */
struct route {
	u32 from[4] apart, to[4];
	u16 from_port apart, to_port;
	u32 ifindex apart;
	u8 tos apart;
};

/* changes tells whether the content of a flow's packets does. */
static inline u32 changes(const struct flow *f)
{
	return f->secret || f->law || f->as_type != f->payload_type;
}

/* take counts the packet and says where it goes. 0: it does not belong to the flow, or somebody else works on that right now. Where its content changes, what it
 * becomes is in the draft then. */
static inline u32 take(struct packet *p, struct flow *f, struct place *at, struct route *r, struct draft *d)
{
	if (__sync_val_compare_and_swap(&f->state, OPEN, BUSY) != OPEN)
		return 0;
	u32 taken = 0;
	s64 now = ktime() - epoch;
	if (ours(f, at) && (d || !changes(f))) { /* again: it may have been another flow a moment ago */
		s64 missing = step(f, at, now);
		u32 moves = transit(f, at, now);
		if (missing >= 0 && !jumps(f, at, moves) && (!d || change(p, f, at, d, missing))) {
			count(f, at, now, moves, missing);
			taken = 1;
		} else if (now - f->up > PATIENCE) {
			f->up = now;
		}
	}
	if (taken) {
		__builtin_memcpy(r->from, f->from, sizeof(r->from));
		__builtin_memcpy(r->to, f->to, sizeof(r->to));
		r->to_port = f->to_port;
		settled();
		r->from_port = f->from_port;
		r->ifindex = f->ifindex;
		r->tos = f->tos;
	}
	__sync_lock_test_and_set(&f->state, OPEN);
	return taken;
}

static inline struct flow *find(const struct place *at)
{
	u32 ports = net16(at->to_port) / 2;
	u64 *first = map_lookup(&pairs, &ports);

	if (!first)
		return 0;
	u32 index = *first;
	if (!index)
		return 0;
	/* No loop: without CAP_PERFMON the verifier also follows what the processor may do ahead of time, and before Linux 6.17 does not see that end. */
#pragma unroll
	for (int i = 0; i < CHAIN; i++) {
		struct flow *f = map_lookup(&flows, &index);
		if (!f)
			return 0;
		if (ours(f, at))
			return f;
		index = f->next;
		if (!index)
			return 0;
	}
	return 0;
}

/* rewrite puts what was drafted in the place of the content. */
static inline u32 rewrite(struct packet *p, const struct place *at, struct draft *d)
{
	u32 to = at->udp + sizeof(struct udp), n = d->payload;

	if (n != at->payload && change_tail(p, to + n, 0))
		return 0;
	return n <= LONGEST_DRAFT && !store_bytes(p, to, d->b + DRAFT, bounded(n), 0);
}

/* sum_of is the one's complement sum (RFC 1071). */
static inline u32 sum_of(u32 a, u32 b)
{
	u64 sum = (u64)a + b;

	return (u32)sum + (u32)(sum >> 32);
}

/* readdress writes the headers that a socket of ours would have sent. A checksum that the sender's device was to complete stays one,
 * and none stays none. Where the content has changed, its length may have, which is in the sum twice. */
static inline u32 readdress(struct packet *p, const struct place *at, struct route *r, struct draft *d)
{
	u32 checksum = at->udp + __builtin_offsetof(struct udp, checksum);
	u32 length = sizeof(struct udp) + (d ? d->payload : at->payload);
	u32 longer = d ? sum_of(~net32(sizeof(struct udp) + at->payload), net32(length)) : 0;
	s64 diff;

	if (at->family == IP4) {
		u64 before = (u64)at->from[0] << 32 | at->to[0], after = (u64)r->from[0] << 32 | r->to[0]; /* in any order: it is a sum */
		diff = csum_diff(&before, sizeof(before), &after, sizeof(after), longer);
	} else {
		diff = csum_diff(at->from, 32, r->from, 32, longer); /* from and to */
	}
	u32 before, after;
	__builtin_memcpy(&before, &at->from_port, 4); /* from and to */
	__builtin_memcpy(&after, &r->from_port, 4);
	if (l4_csum_replace(p, checksum, 0, diff, CSUM_PSEUDO | CSUM_KEEP_ZERO))
		return 0;
	if (d) {
		u32 content = sum_of(sum_of(d->sum, longer), sum_of(~before, after));
		if (l4_csum_replace(p, checksum, 0, content, CSUM_KEEP_ZERO))
			return 0;
	} else if (l4_csum_replace(p, checksum, before, after, CSUM_SIZE_4 | CSUM_KEEP_ZERO)) {
		return 0;
	}
	struct ethernet *eth = (void *)(u64)p->data;
	void *end = (void *)(u64)p->data_end;
	struct udp *udp;
	if (at->family == IP4) {
		struct ipv4 *ip = (void *)(eth + 1);
		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > end)
			return 0;
		ip->tos = r->tos;
		ip->length = net16(sizeof(*ip) + length);
		ip->id = 0;
		ip->fragment = net16(0x4000); /* do not */
		ip->ttl = HOPS;
		ip->checksum = 0;
		ip->from = r->from[0];
		ip->to = r->to[0];
		u32 sum = 0;
#pragma unroll
		for (int i = 0; i < 10; i++)
			sum += ((u16 *)ip)[i];
		sum = (sum & 0xffff) + (sum >> 16);
		ip->checksum = ~(sum + (sum >> 16));
	} else {
		struct ipv6 *ip = (void *)(eth + 1);
		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > end)
			return 0;
		ip->version_class_label = net32(6u << 28 | r->tos << 20);
		ip->length = net16(length);
		ip->hops = HOPS;
		__builtin_memcpy(ip->from, r->from, sizeof(ip->from));
		__builtin_memcpy(ip->to, r->to, sizeof(ip->to));
	}
	udp->from = r->from_port;
	udp->to = r->to_port;
	udp->length = net16(length);
	return 1;
}

/* priority is what the kernel gives the packets of a socket with IP_TOS (ip_tos2prio): queues and 802.1p go by it. Those of IPv6 get the same here. */
static inline u32 priority(u8 tos)
{
	return 0x4620 >> (tos >> 3 & 3) * 4 & 0x0f;
}

/* relay takes a packet, and changes its content only if it may. */
static inline int relay(struct packet *p, u32 may_change)
{
	struct place at = {};
	struct route r = {};
	struct draft *d = 0;

	if (!parse(p, &at))
		return VERDICT_NEXT;
	struct flow *f = find(&at);
	if (!f)
		return VERDICT_NEXT;
	if (may_change && changes(f)) {
		u32 zero = 0;
		d = map_lookup(&drafts, &zero);
		if (!d)
			return VERDICT_NEXT;
	}
	if (!take(p, f, &at, &r, d))
		return VERDICT_NEXT;
	if (unlikely((d && !rewrite(p, &at, d)) || !readdress(p, &at, &r, d))) /* no memory */
		return VERDICT_SHOT;
	p->priority = priority(r.tos);
	return redirect_neigh(r.ifindex, 0, 0, 0); /* the kernel finds the next hop */
}

SEC("tcx/ingress")
int forward(struct packet *p)
{
	return relay(p, 1);
}

/* forward_only is for a kernel or a user to whom the other is too much. */
SEC("tcx/ingress")
int forward_only(struct packet *p)
{
	return relay(p, 0);
}
