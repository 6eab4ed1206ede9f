/*
 * SHA-1 (RFC 3174), for HMAC-SHA1. This machine has ten registers and no instruction that rotates, and time goes by how many instructions there are: so each word of the
 * schedule is made where it is used. Rounds that are alike are a loop, or what one packet needs would leave no room in the processor's cache for what the next one does.
 */

#define hold(x) asm volatile("" : "+w"(x)) /* it is computed so far, and not in another order */

#define given(i) (w[i] = net32(block[i]))
#define made(i) ({ u32 m = w[(i) - 3] ^ w[(i) - 8] ^ w[(i) - 14] ^ w[(i) - 16]; w[i] = m << 1 | m >> 31; })

#define pick(b, c, d) (d ^ (b & (c ^ d)))
#define parity(b, c, d) (b ^ c ^ d)
#define majority(b, c, d) ((b & c) + (d & (b ^ c)))

/* One round; the names of the five words move on instead of the words. What hangs on the round before is added last. */
#define round(a, b, c, d, e, choice, k, word) \
	e += word + k; \
	hold(e); \
	e += choice(b, c, d); \
	hold(e); \
	e += a << 5; \
	hold(e); \
	e += a >> 27; \
	b = b << 30 | b >> 2; \
	hold(e); \
	hold(b); \
	settled(); /* or it would load all words first */

#define five(word, choice, k) \
	round(v, x, y, z, u, choice, k, word(0)) \
	round(u, v, x, y, z, choice, k, word(1)) \
	round(z, u, v, x, y, choice, k, word(2)) \
	round(y, z, u, v, x, choice, k, word(3)) \
	round(x, y, z, u, v, choice, k, word(4))

#define many(rounds, choice, k) \
	for (u32 i = 0; i < rounds; i += 5, w += 5) { \
		five(made, choice, k) \
	}

/* sha1 takes the block at an offset in the draft into the state. */
__attribute__((noinline)) int sha1(struct draft *d, u32 offset)
{
	if (!d || offset > sizeof(d->b) - 64)
		return 0;
	const u32 *block = (const u32 *)(d->b + (offset & ~3));
	u32 *w = d->schedule;
	u32 v = d->state[0], x = d->state[1], y = d->state[2], z = d->state[3], u = d->state[4];
#pragma nounroll
	for (u32 i = 0; i < 3; i++, w += 5, block += 5) {
		five(given, pick, 0x5a827999)
	}
	round(v, x, y, z, u, pick, 0x5a827999, given(0))
	round(u, v, x, y, z, pick, 0x5a827999, made(1))
	round(z, u, v, x, y, pick, 0x5a827999, made(2))
	round(y, z, u, v, x, pick, 0x5a827999, made(3))
	round(x, y, z, u, v, pick, 0x5a827999, made(4))
	w += 5;
#pragma nounroll
	many(20, parity, 0x6ed9eba1)
#pragma nounroll
	many(20, majority, 0x8f1bbcdc)
#pragma nounroll
	many(20, parity, 0xca62c1d6)
	d->state[0] += v;
	d->state[1] += x;
	d->state[2] += y;
	d->state[3] += z;
	d->state[4] += u;
	return 0;
}
