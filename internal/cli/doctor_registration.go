package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/doctor"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/topology"
)

// registered says how the registration of a trunk stands. A REGISTER of our own would take the place of the server's, so who runs is asked.
func (a *app) registered(ctx context.Context, t *topology.Trunk) []doctor.Finding {
	reg := t.Registration
	if reg == nil || t.Disabled {
		return nil
	}
	as := fmt.Sprintf("%s at %s", reg.User, reg.Domain)
	look := fmt.Sprintf("See `directsip trunks %s` when it runs", t.Name)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	list, err := a.trunkList(ctx)
	i := slices.IndexFunc(list, func(v server.TrunkView) bool { return strings.EqualFold(v.Name, t.Name) && v.Registration != nil })
	if err != nil || i < 0 {
		return []doctor.Finding{{ID: "registration-unknown", Severity: doctor.Note, What: "the trunk registers as " + as + ", which is not tried here, and no server with it runs here",
			Why: "a REGISTER would take the place of the server's", Fix: look}}
	}
	switch v := list[i].Registration; {
	case v.State == server.Elsewhere:
		return []doctor.Finding{{ID: "registration-elsewhere", Severity: doctor.Note, What: fmt.Sprintf("server %s registers as %s", v.Server, as)}}
	case v.State == "registered" && v.Error == "":
		return []doctor.Finding{{ID: "registered", Severity: doctor.OK, What: fmt.Sprintf("the running server is registered as %s until %s", as, v.Until.Local().Format(time.TimeOnly))}}
	default:
		f := doctor.Finding{ID: "not-registered", Severity: doctor.Error, What: fmt.Sprintf("the running server is to register as %s: %s", as, registration(v)),
			Why: "calls of the provider do not come", Fix: "Look at what it says, and at domain, host and gatewayPort of the trunk"}
		if reg.Required {
			f.Why += ", and none leaves by the trunk"
		}
		switch {
		case v.State == "registered":
			f.Severity, f.Why = doctor.Warning, "it holds until then, and is not refreshed"
		case v.Error == "":
			f.Severity, f.Fix = doctor.Note, "Ask again in a moment"
		}
		if v.Code == 401 || v.Code == 403 || v.Code == 407 {
			f.Fix = "Compare user, password and realm of credentials, and user and domain of registration, with what the provider gave you; `directsip apply` reads a password file again"
		}
		return []doctor.Finding{f}
	}
}
