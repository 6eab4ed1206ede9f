package media

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSuites: sizes of key with salt, and of tag, by RFC 4568 §6.2 and RFC 7714 §12.
func TestSuites(t *testing.T) {
	for name, want := range map[string]struct {
		suite     Suite
		size, tag int
	}{
		"AES_CM_128_HMAC_SHA1_80": {AESCM128HMACSHA180, 30, 10}, "AES_CM_128_HMAC_SHA1_32": {AESCM128HMACSHA132, 30, 4},
		"AEAD_AES_128_GCM": {AEADAES128GCM, 28, 16}, "AEAD_AES_256_GCM": {AEADAES256GCM, 44, 16},
		"NULL": {}, "": {},
	} {
		s, ok := SuiteNamed(name)
		if s != want.suite || ok != (want.suite != 0) || s.KeySize() != want.size || s.TagSize() != want.tag || ok && s.String() != name {
			t.Errorf("%q: %d %v, %q, %d octets, tag of %d", name, s, ok, s, s.KeySize(), s.TagSize())
		}
	}
	if s := Suite(Suites + 1); s.String() != "" || s.KeySize()+s.TagSize() != 0 {
		t.Errorf("%q", s)
	}
}

// TestCodecs: names in any case; those that are spoken in are known from keys and noise.
func TestCodecs(t *testing.T) {
	for name, want := range map[string]struct {
		codec  Codec
		clock  uint32
		speaks bool
	}{
		"pcmu": {PCMU, 8000, true}, "PCMA": {PCMA, 8000, true}, "G722": {G722, 8000, true}, "Opus": {Opus, 48000, true},
		"telephone-event": {TelephoneEvent, 8000, false}, "CN": {ComfortNoise, 8000, false}, "G729": {}, "": {},
	} {
		if c := CodecNamed(name); c != want.codec || c.Clock() != want.clock || c.Speaks() != want.speaks || c != OtherCodec && !strings.EqualFold(c.String(), name) {
			t.Errorf("%q: %d %q, %d Hz, speaks %v", name, c, c, c.Clock(), c.Speaks())
		}
	}
}

// TestFormats: the first codec proper is what is sent, and of keys at two clocks the one of the speech is found.
func TestFormats(t *testing.T) {
	s := Speech{Formats: []Format{{101, TelephoneEvent, 8000, Most{}}, {102, TelephoneEvent, 48000, Most{}}, {103, TelephoneEvent, 48000, Most{}}, {111, Opus, 48000, Most{}}, {0, PCMU, 8000, Most{}}}}
	if f, ok := s.First(); !ok || f.PayloadType != 111 {
		t.Errorf("first %v %v", f, ok)
	}
	if f, ok := (&Speech{Formats: s.Formats[:3]}).First(); ok {
		t.Errorf("without speech: %v", f)
	}
	for _, c := range []struct {
		codec Codec
		clock uint32
		want  uint8
		ok    bool
	}{{TelephoneEvent, 48000, 102, true}, {TelephoneEvent, 8000, 101, true}, {TelephoneEvent, 16000, 101, true}, {PCMU, 8000, 0, true}, {G722, 8000, 0, false}} {
		if f, ok := s.Find(c.codec, c.clock); ok != c.ok || f.PayloadType != c.want {
			t.Errorf("%s at %d: %v %v", c.codec, c.clock, f, ok)
		}
	}
}

// TestSame: each part counts, and nothing is only the same as nothing.
func TestSame(t *testing.T) {
	crypt := func() *Crypt { return &Crypt{AESCM128HMACSHA180, "ours", []MasterKey{{"theirs", "1"}}} }
	for name, change := range map[string]func(*Crypt){
		"": func(*Crypt) {}, "suite": func(c *Crypt) { c.Suite++ }, "ours": func(c *Crypt) { c.Send += "x" }, "key": func(c *Crypt) { c.Recv[0].Key += "x" },
		"MKI": func(c *Crypt) { c.Recv[0].MKI = "2" }, "one more": func(c *Crypt) { c.Recv = append(c.Recv, MasterKey{}) },
	} {
		if c := crypt(); c.Same(crypt()) {
			if change(c); c.Same(crypt()) != (name == "") {
				t.Errorf("SRTP, %q: %v", name, c.Same(crypt()))
			}
		} else {
			t.Error("SRTP: not the same as itself")
		}
	}
	dtls := func() *DTLS { return &DTLS{[]Fingerprint{{"sha-256", "x"}}, true, "a", []Suite{1, 2}, nil} }
	for name, change := range map[string]func(*DTLS){
		"": func(d *DTLS) { d.Before = &Shaken{} }, "fingerprint": func(d *DTLS) { d.Peer[0].Value = "y" }, "role": func(d *DTLS) { d.Active = false },
		"association": func(d *DTLS) { d.Association = "b" }, "suites": func(d *DTLS) { d.Suites = d.Suites[:1] },
	} {
		d := dtls()
		if change(d); d.Same(dtls()) != (name == "") || d.Same(nil) || (*DTLS)(nil).Same(d) {
			t.Errorf("DTLS, %q: %v", name, d.Same(dtls()))
		}
	}
	speech := func() *Speech { return &Speech{[]Format{{0, PCMU, 8000, Most{}}}, time.Second, 1, KeysBySIP} }
	for name, change := range map[string]func(*Speech){
		"": func(*Speech) {}, "formats": func(s *Speech) { s.Formats[0].PayloadType = 8 }, "time": func(s *Speech) { s.PacketTime++ }, "boost": func(s *Speech) { s.Boost++ },
		"keys": func(s *Speech) { s.Keys = KeysInBand },
	} {
		s := speech()
		if change(s); s.Same(speech()) != (name == "") || s.Same(nil) || (*Speech)(nil).Same(s) {
			t.Errorf("speech, %q: %v", name, s.Same(speech()))
		}
	}
	if !(*Crypt)(nil).Same(nil) || !(*DTLS)(nil).Same(nil) || !(*Speech)(nil).Same(nil) || crypt().Same(nil) || (*Crypt)(nil).Same(crypt()) {
		t.Error("nothing is not the same as nothing alone")
	}
}

// TestSecretsAreNotPrinted: whatever verb a log uses.
func TestSecretsAreNotPrinted(t *testing.T) {
	c, i := &Crypt{AEADAES128GCM, "secret", []MasterKey{{"secret", "secret"}}}, &ICE{Ufrag: "secret", Pwd: "secret", PeerPwd: "secret"}
	text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %s", c, c, c, c, i, i, i, i)
	if strings.Contains(text, "secret") || !strings.Contains(text, "AEAD_AES_128_GCM") || !strings.Contains(text, "ICE-lite") {
		t.Error(text)
	}
	i.Full = true
	if text := fmt.Sprint((*Crypt)(nil), (*ICE)(nil), i); strings.TrimSpace(text) != "full ICE" {
		t.Errorf("%q", text)
	}
}
