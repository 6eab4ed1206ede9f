package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/directsip/directsip/internal/doctor"
	"github.com/directsip/directsip/internal/server"
	"github.com/directsip/directsip/internal/topology"
)

// carries says how the calls went that the running server has tried on a trunk, which OPTIONS say nothing of: a peer may answer them and take no call.
func (a *app) carries(ctx context.Context, t *topology.Trunk) []doctor.Finding {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	list, err := a.trunkList(ctx)
	i := slices.IndexFunc(list, func(v server.TrunkView) bool { return strings.EqualFold(v.Name, t.Name) })
	if err != nil || i < 0 {
		return nil
	}
	if what := failing(&list[i]); what != "" {
		return []doctor.Finding{{ID: "calls-fail", Severity: doctor.Warning, What: "the trunk " + what, Why: "the next trunk of a route may have taken them, so that nobody complains",
			Fix: "See `directsip calls --trunk " + t.Name + " --since 1h`, and `directsip why` of one of them: the attempt has what the peer said"}}
	}
	return nil
}
