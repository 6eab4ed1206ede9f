// Package codec turns the octets of RTP payloads into samples and back: ITU-T G.711, G.722, comfort noise (RFC 3389), DTMF as events (RFC 4733)
// and as tones, and what stands between two codecs: order, concealment of loss, gain. Pure; nothing here allocates per packet.
//
// Samples are linear, 16 bits, mono. A path runs at the rate of the narrower of the two codecs that are spoken, and the wider one, G.722 or
// Opus, codes and decodes at that rate by itself, which costs less than a filter of our own and adds no delay. Between G.722 and Opus nothing of the 8 kHz that both
// have is lost; only what comes in G.711 beside them is made as wide (Widened).
package codec

// Decoder turns payloads of one source into samples. The state of one may not be used for another source.
type Decoder interface {
	// Decode writes the samples of a payload to pcm and returns how many; what does not fit is cut off. A payload that is none gives 0.
	Decode(pcm []int16, payload []byte) int
}

// Encoder turns samples into payloads.
type Encoder interface {
	// Encode appends the payload of some samples to dst.
	Encode(dst []byte, pcm []int16) []byte
}

// Concealer is a Decoder that makes up for lost packets by itself.
type Concealer interface {
	// Conceal fills pcm with what may have been in a lost packet. next is the payload of the packet behind it; nil: another lost one is
	// between.
	Conceal(pcm []int16, next []byte)
}

// clip limits a sum to what a sample can be.
func clip(v int32) int32 {
	if v != int32(int16(v)) {
		return v>>31 ^ 0x7fff
	}
	return v
}
