package relay

import (
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/directsip/directsip/internal/lack"
	"github.com/directsip/directsip/internal/media"
)

// tierEnv says over which tier the tests of this process run; without it, over sockets.
const tierEnv = "DIRECTSIP_RELAY_TIER"

var tierOfTests = func() media.Tier {
	if os.Getenv(tierEnv) == media.TierSteered.String() {
		return media.TierSteered
	}
	return media.TierSockets
}()

// withTier is a configuration with the tier of the tests, if it has none.
func withTier(c Config) Config {
	if c.Best == 0 {
		c.Best = tierOfTests
	}
	return c
}

// overTier fails a test that would show another tier than the one that this process is to test: a network namespace has only so many programs that steer.
func (r *Relay) overTier(tb testing.TB) {
	tb.Helper()
	if tierOfTests == media.TierSteered && r.config.Best == tierOfTests && r.steered == nil {
		tb.Fatal("ports are not steered: ", r.unsteered)
	}
}

// aboutSockets begins a test that shows something of the tier with a socket per port and of no other, or that runs itself over all of them. It has to be
// left out by TestAllOverSteered.
func aboutSockets(t *testing.T) {
	t.Helper()
	if tierOfTests != media.TierSockets {
		t.Fatal("about a socket per port, or all tiers: TestAllOverSteered has to leave it out")
	}
}

// settle gives back what nobody uses of steered ports.
func (r *Relay) settle() {
	for range 2 {
		r.tidy(r.now())
	}
}

// needSteered skips a test where ports cannot be steered.
func needSteered(t *testing.T) {
	t.Helper()
	r, err := newRelay(Config{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer release(r)
	if r.steered == nil {
		if !strings.Contains(r.unsteered, "has no ") && !strings.Contains(r.unsteered, "not supported") {
			t.Fatal(r.unsteered)
		}
		lack.Of(t, "ports cannot be steered here: ", r.unsteered)
	}
}

// release ends a relay that was never started.
func release(r *Relay) {
	r.sockets.warm.shut()
	for _, w := range r.workers {
		w.release()
	}
	if r.steered != nil {
		r.steered.close()
	}
	r.kernel.close()
}

// TestAllOverSteered runs all tests of this package again, over steered ports, but for those about sockets, and those that choose their tier or go over
// all themselves.
func TestAllOverSteered(t *testing.T) {
	aboutSockets(t)
	needSteered(t)
	but := []string{"^TestKernel", "^TestExit"}
	for _, test := range []func(*testing.T){
		TestAllOverSteered, TestTiersAreAlike, TestWithoutRights, TestCallsOutliveTheNetwork, TestRoutesByPorts, TestRoutesByMarks, TestNATOfThisHost, TestBoundToADevice, TestHoldIsNoLoss, TestWhatIsInTheWayNow,
		TestDescriptorsRunOut, TestReusedDescriptor, TestNothingQueuedReachesTheNextCall, TestFloodedWarmSocket,
		TestRefusalsOfEveryKind, TestWarmSocketsAreTakenOver, TestWarmDiscards, TestWarmAcrossWorkers, TestWarmBounds, TestWarmGivesWayToAllAddresses, TestWarmAddressIsLost,
	} {
		name := runtime.FuncForPC(reflect.ValueOf(test).Pointer()).Name()
		but = append(but, "^"+name[strings.LastIndexByte(name, '.')+1:]+"$")
	}
	args := []string{"-test.run=^Test", "-test.skip=" + strings.Join(but, "|"), "-test.timeout=" + timeLeft(t).String()}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), tierEnv+"="+media.TierSteered.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
