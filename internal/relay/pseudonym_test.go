package relay

import (
	"bytes"
	"encoding/binary"
	"testing"

	pionrtcp "github.com/pion/rtcp"
)

// described is a report followed by the description of two sources of one participant, as a telephone sends it, and a BYE.
func described(t testing.TB) []byte {
	t.Helper()
	item := func(kind pionrtcp.SDESType, text string) pionrtcp.SourceDescriptionItem {
		return pionrtcp.SourceDescriptionItem{Type: kind, Text: text}
	}
	b, err := pionrtcp.Marshal([]pionrtcp.Packet{
		&pionrtcp.ReceiverReport{SSRC: 7},
		&pionrtcp.SourceDescription{Chunks: []pionrtcp.SourceDescriptionChunk{
			{Source: 7, Items: []pionrtcp.SourceDescriptionItem{item(pionrtcp.SDESCNAME, "sip:+493055550100@10.9.8.7"), item(pionrtcp.SDESName, "Alice Secret"),
				item(pionrtcp.SDESPhone, "+493055550100"), item(pionrtcp.SDESTool, "Telephone 1.0")}},
			{Source: 8, Items: []pionrtcp.SourceDescriptionItem{item(pionrtcp.SDESLocation, "Berlin"), item(pionrtcp.SDESCNAME, "sip:+493055550100@10.9.8.7")}},
			{Source: 9, Items: []pionrtcp.SourceDescriptionItem{item(pionrtcp.SDESCNAME, "bob@10.9.8.7")}},
			{Source: 10, Items: []pionrtcp.SourceDescriptionItem{item(pionrtcp.SDESNote, "10.9.8.7")}},
		}},
		&pionrtcp.Goodbye{Sources: []uint32{7}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names are the CNAMEs by source of a compound, which must be well formed and have nothing else in its descriptions.
func names(t testing.TB, b []byte) map[uint32]string {
	t.Helper()
	list, err := pionrtcp.Unmarshal(b)
	if err != nil {
		t.Fatalf("%v: %x", err, b)
	}
	got := map[uint32]string{}
	for _, p := range list {
		if d, ok := p.(*pionrtcp.SourceDescription); ok {
			for _, c := range d.Chunks {
				got[c.Source] = ""
				for _, i := range c.Items {
					if i.Type != pionrtcp.SDESCNAME || got[c.Source] != "" {
						t.Errorf("source %d has item %d %q", c.Source, i.Type, i.Text)
					}
					got[c.Source] = i.Text
				}
			}
		}
	}
	return got
}

// SIG-15, P32, RFC 7022: RTCP names nobody to the other side. The sources of one participant keep one name, which is another one in another call.
func TestRTCPNamesNobody(t *testing.T) {
	key, err := newPseudonyms()
	if err != nil {
		t.Fatal(err)
	}
	b := key.write(described(t), 1)
	for _, secret := range []string{"5550100", "10.9.8.7", "Alice", "Berlin", "Telephone"} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s shows in %q", secret, b)
		}
	}
	got := names(t, b)
	if got[7] == "" || got[7] != got[8] || got[7] == got[9] || got[9] == "" || len(got) != 4 || got[10] != "" {
		t.Errorf("names %v", got)
	}
	if again := names(t, key.write(described(t), 1)); again[7] != got[7] {
		t.Errorf("%s is %s a moment later", got[7], again[7])
	}
	if other := names(t, key.write(described(t), 2)); other[7] == got[7] {
		t.Error("known again in another call")
	}
	if other := (&pseudonyms{}).write(described(t), 1); bytes.Equal(other, b) {
		t.Error("anybody can compute it")
	}
	if list, _ := pionrtcp.Unmarshal(b); len(list) != 3 {
		t.Errorf("%d packets, want the report, the description and the BYE", len(list))
	}
	if n := testing.AllocsPerRun(100, func() { key.write(b, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzPseudonyms: whatever comes, what is left is a compound that anybody can walk, no longer than it was.
func FuzzPseudonyms(f *testing.F) {
	f.Add(described(f))
	f.Add(compound())
	f.Add(receiverReport(7))
	f.Add([]byte{0xa1, 202, 0, 2, 0, 0, 0, 7, 1, 3, 'a', 'b'})
	f.Fuzz(func(t *testing.T, data []byte) {
		var key pseudonyms
		b := key.write(bytes.Clone(data), 1)
		if len(b) > len(data) {
			t.Fatalf("%x became %x", data, b)
		}
		for len(b) > 0 {
			size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
			if b[1] == sourceDescription {
				names(t, b[:size])
			}
			b = b[size:]
		}
	})
}

// A relay gives them to what it passes on, from RTP as from SRTP.
func TestRelayNamesNobody(t *testing.T) {
	r := newRig(t, Config{})
	a, b := newPhone(t, ip4), newPhone(t, ip4)
	m := call(1, a, b)
	r.open(m)
	s := m.Streams[0].Side
	a.send(a.rtcp, rtcpPort(s[0].Local), described(t))
	got, _ := b.readFrom(b.rtcp)
	if bytes.Contains(got, []byte("5550100")) || len(names(t, got)[7]) != pseudonymSize {
		t.Errorf("the other side is told %q", got)
	}
}
