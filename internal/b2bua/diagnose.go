package b2bua

import (
	"strconv"

	"github.com/directsip/directsip/internal/diag"
	"github.com/directsip/directsip/internal/sip"
	"github.com/directsip/directsip/internal/topology"
)

// diagnostics is the first of the numbers that Lync gives its Mediation Server in ms-diagnostics; ours is that and the status.
const diagnostics = 10000

// diagnose tells a UC platform why its call was refused, in the header that it keeps such things in (SIG-17): the number, the server, the
// reason in words, and what the last peer that was tried has answered. Others do not get it.
func (c *Call) diagnose(m *sip.Message, why *diag.Reason) {
	if c.a.trunk.Gateway.Kind != topology.KindUC {
		return
	}
	status := m.Status
	if n := len(c.rec.Attempts); n > 0 && c.rec.Attempts[n-1].Status >= 300 {
		status = c.rec.Attempts[n-1].Status
	}
	m.AddName("ms-diagnostics", strconv.Itoa(diagnostics+m.Status)+";source=\""+c.env.Server.Name+"\";reason=\""+quotable(why.Text)+
		"\";component=\"MediationServer\";SipResponseCode=\""+strconv.Itoa(status)+"\";SipResponseText=\""+sip.Phrase(status)+"\"")
}
