package siptest

import "github.com/miekg/dns"

// ServeNames has a name server answer until the test ends.
func ServeNames(tb TB, s *dns.Server) {
	tb.Helper()
	started, done := make(chan struct{}), make(chan error, 1)
	s.NotifyStartedFunc = func() { close(started) }
	go func() { done <- s.ActivateAndServe() }()
	select {
	case <-started:
	case err := <-done:
		tb.Fatalf("name server: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			tb.Errorf("name server: %v", err)
		}
		<-done
	})
}
