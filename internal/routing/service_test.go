package routing

import (
	"strings"
	"testing"
)

// TestRFC5031Services: a call to an emergency service has no number, and gets that of the caller's place.
func TestRFC5031Services(t *testing.T) {
	doc := strings.NewReplacer("germany: {emergencyNumbers: [{number: 110, usage: emergency}, {number: 911",
		"empty: {emergencyNumbers: []}\n  germany: {emergencyNumbers: [{number: 110, services: [SOS.police], usage: emergency}, {number: 911, services: [sos]",
		"  carol: {", "  carol: {locationPolicy: empty, ").Replace(rescue)
	doc += "inboundRules: [{name: night, calling: '^', to: {user: bob}}]\n"
	s := compile(t, doc)
	const america, police = "emergency gw3:911 gw2:911 gw1:911", "emergency gw3:110 gw2:110 gw1:110"
	for _, row := range []struct{ from, uri, want string }{
		{"user alice", "urn:service:sos", america},
		{"user alice", "URN:Service:SOS.Fire", america},
		{"user alice", "urn:service:sos.police.municipal", america},
		{"user dave", "urn:service:sos", america},
		{"user dave", "urn:service:sos.police", police},
		{"user dave", "urn:service:sos.police.municipal", police},
		{"user dave", "urn:service:sos.mountain", america},
		{"user carol", "urn:service:sos", america}, // no numbers there: better any than none
		{"pbx", "urn:service:sos", america},
		{"itsp", "urn:service:sos.ambulance", america},
		{"pbx", "sip:sos@192.0.2.10", america},
		{"user dave", "sip:sos.police@munich.example.com;user=phone", police},
		{"user alice", "urn:service:test.sos", "refused not-found"},
		{"user alice", "urn:service:sosumi", "refused not-found"},
		{"user alice", "urn:service:counseling", "refused not-found"},
	} {
		q := ask(s, row.from, row.uri, "201")
		q.CalledURI = row.uri
		if user, rest, sip := strings.Cut(row.uri, "@"); sip && rest != "" {
			q.Called = strings.TrimPrefix(user, "sip:")
		}
		if d := Decide(s, q, nil); brief(&d) != row.want {
			t.Errorf("%s calls %s:\n got %s\nwant %s%s", row.from, row.uri, brief(&d), row.want, explain(&d))
		}
	}
	s = compile(t, strings.Replace(doc, `sip:erin@`, `sip:sos@`, 1))
	q := ask(s, "user alice", "sos", "")
	if q.CalledURI = "sip:sos@example.com"; !strings.HasPrefix(brief(ptr(Decide(s, q, nil))), "user erin") {
		t.Error("a user of that name is not called")
	}
	for uri, want := range map[string]bool{"urn:service:sos.fire": true, "sip:sos@example.com": false, "sip:110@x": true, "tel:911": true, "urn:service:test.sos": false, "sip:+14255550100@x": false} {
		if s.Rescues(uri) != want {
			t.Errorf("Rescues(%s) is not %v", uri, want)
		}
	}
}

func ptr[T any](v T) *T { return &v }
