/*
 * Leaving: user space writes packets whole, and sends them to the loopback device only for them to come here. Where they are to leave stands where
 * Ethernet has its addresses. The neighbour is the kernel's matter, as with what it sends itself: it asks for its link address, keeps the packet so long,
 * and sees to it that the address stays true.
 */
#include "kernel.h"

enum {
	NEXT = -1, /* of tcx: to the next program, and then to the device */
	SHOT = 2,

	INET = 2, /* address family */

	MARK = 0x02646970, /* begins an address of nobody's device: local, and of one host */
};

/* struct __sk_buff of the kernel, up to what is read of it. */
struct packet {
	u32 unused[19];
	u32 data;
	u32 data_end;
};

static long (*redirect_neigh)(u32 device, void *hop, int size, u64 flags) = (void *)152;

struct order { /* 14 octets, as an Ethernet header: a frame that this program does not take is for another host, and dropped */
	u8 mark[4];
	u8 device[4]; /* its index; 0: the program is asked whether it hears */
	u8 hop[4];    /* the next one on IPv4; 0: by the routes for this device. Of a question: whose program is asked */
	u16 protocol;
};

struct hop { /* struct bpf_redir_neigh */
	u32 family;
	u32 address[4];
};

volatile const u32 name; /* of this program among its like */
volatile u64 heard;	 /* questions */

SEC("tcx/egress")
int leave(struct packet *p)
{
	struct order *o = (void *)(u64)p->data;
	struct hop hop = {INET};
	u32 mark, device;

	if ((void *)(o + 1) > (void *)(u64)p->data_end)
		return NEXT;
	__builtin_memcpy(&mark, o->mark, 4);
	if (mark != net32(MARK))
		return NEXT;
	__builtin_memcpy(&device, o->device, 4);
	__builtin_memcpy(hop.address, o->hop, 4);
	if (!device) {
		if (hop.address[0] != name)
			return NEXT;
		__sync_fetch_and_add(&heard, 1);
		return SHOT;
	}
	if (!hop.address[0])
		return redirect_neigh(device, 0, 0, 0);
	return redirect_neigh(device, &hop, sizeof(hop), 0);
}
