package txn

import (
	"testing"

	"github.com/directsip/directsip/internal/sip"
)

// TestRFC3261_22_1_ACK: the ACK of a refusal has the credentials of the INVITE, a CANCEL has none.
func TestRFC3261_22_1_ACK(t *testing.T) {
	var c InviteClient
	var out Out
	req := request("INVITE")
	req.Add(sip.IDAuthorization, `Digest username="a",realm="r"`)
	req.Add(sip.IDProxyAuthorization, `Digest username="a",realm="p"`)
	req.Add(sip.IDProxyAuthorization, `Digest username="a",realm="q"`)
	c.Start(epoch, req, udp, nil, &out)
	c.Receive(at(1), response(req, 180), &out)
	cancel := c.Cancel()
	same(t, "CANCEL", cancel.Has(sip.IDAuthorization) || cancel.Has(sip.IDProxyAuthorization), false)
	out.Sends = nil
	c.Receive(at(2), response(req, 486), &out)
	ms, _ := sent(t, &out)
	same(t, "Authorization", ms[0].Get(sip.IDAuthorization), `Digest username="a",realm="r"`)
	n := 0
	for range ms[0].Values(sip.IDProxyAuthorization) {
		n++
	}
	same(t, "Proxy-Authorization", n, 2)
}

// TestRequest: a request can be had back until its final response.
func TestRequest(t *testing.T) {
	var out Out
	var i InviteClient
	req := request("INVITE")
	i.Start(epoch, req, tcp, nil, &out)
	same(t, "INVITE", string(i.Request().Append(nil)), string(req.Append(nil)))
	i.Receive(at(1), response(req, 180), &out)
	same(t, "INVITE in Proceeding", i.Request().CallID(), req.CallID())
	i.Receive(at(2), response(req, 407), &out)
	same(t, "INVITE refused", i.Request(), nil)

	var c Client
	req = request("INFO")
	c.Start(epoch, req, udp, nil, &out)
	same(t, "INFO", string(c.Request().Append(nil)), string(req.Append(nil)))
	c.Receive(at(1), response(req, 401), &out)
	same(t, "INFO refused", c.Request(), nil)
}
