package server

import (
	"time"

	"github.com/directsip/directsip/internal/engine"
)

// RegistrationView is the registration of a trunk in the answer of /trunks.
type RegistrationView struct {
	Server  string    `json:"server"` // that registers
	State   string    `json:"state"`  // registering, registered, failed, leaving, off; elsewhere: another server's
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Next    time.Time `json:"next,omitzero"` // REGISTER
	At      string    `json:"at,omitempty"`  // address that took it
	Contact string    `json:"contact,omitempty"`
	Code    int       `json:"code,omitempty"`
	Error   string    `json:"error,omitempty"` // of the last REGISTER
}

// Elsewhere is the state of a registration that another server of the pool keeps.
const Elsewhere = "elsewhere"

func registrationView(t *engine.TrunkStatus) *RegistrationView {
	reg := t.Trunk.Registration
	if reg == nil {
		return nil
	}
	st := t.Registration
	if st == nil {
		return &RegistrationView{Server: reg.Server.Name, State: Elsewhere}
	}
	v := &RegistrationView{Server: reg.Server.Name, State: string(st.State), Since: st.Since, Until: st.Until, Next: st.Next, Contact: st.Contact,
		Code: st.Code, Error: st.Error}
	if st.At.IsValid() {
		v.At = st.At.String()
	}
	return v
}
