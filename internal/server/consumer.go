package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/directsip/directsip/internal/cdr"
	"github.com/directsip/directsip/internal/store"
	"github.com/directsip/directsip/internal/topology"
)

const (
	// consumerBatch is how many records are posted at once.
	consumerBatch = 100
	// consumerIdle is how long it takes at most until a new record is seen.
	consumerIdle = 2 * time.Second
	// consumerFirst and consumerMost bound the time after which a post that failed is repeated.
	consumerFirst, consumerMost = time.Second, 5 * time.Minute
	// consumerTimeout is how long a post may take.
	consumerTimeout = 15 * time.Second
	// consumerRefusals is how many records in a row are dropped that are refused alone. Of a consumer that takes none of so many it may not be the records that it refuses: one further on tells.
	consumerRefusals = 10
	// consumerNote is how long it takes at most until the position is kept: what a crash makes forgotten is posted again.
	consumerNote = time.Second
	// consumerPlace is the file of the data directory that says up to where records were taken.
	consumerPlace = "quality.position"
)

// QualityRecord is what a consumer is told of a call that was answered. docs/quality.md has it.
type QualityRecord struct {
	ID        string        `json:"id"`
	Server    string        `json:"server"`
	Pool      string        `json:"pool,omitempty"`
	Start     time.Time     `json:"start"`
	Answered  time.Time     `json:"answered"`
	End       time.Time     `json:"end"`
	Calling   string        `json:"calling"` // normalized, or as received
	Called    string        `json:"called"`
	In        cdr.Leg       `json:"in"`
	Out       *cdr.Leg      `json:"out,omitempty"`
	Reason    string        `json:"reason"`
	EndedBy   string        `json:"endedBy"`
	Emergency bool          `json:"emergency,omitempty"`
	Bypassed  bool          `json:"bypassed,omitempty"` // its media went between the peers: there are no figures
	Poor      bool          `json:"poor"`
	MOS       cdr.Hundredth `json:"mos,omitempty"` // of the worst direction, as lists of calls have it
	Wideband  bool          `json:"wideband,omitempty"`
	Media     []cdr.Media   `json:"media,omitempty"`
	Audio     []cdr.Audio   `json:"audio,omitempty"` // directions that were not heard, or badly
}

// qualityPost is the body of a post.
type qualityPost struct {
	Records []QualityRecord `json:"records"`
}

func qualityRecord(r *cdr.Record) QualityRecord {
	first := func(n cdr.Number) string {
		if n.Normalized != "" {
			return n.Normalized
		}
		return n.Received
	}
	q := QualityRecord{ID: r.ID, Server: r.Server, Pool: r.Pool, Start: r.Start, Answered: r.Answered, End: r.End, Calling: first(r.Calling), Called: first(r.Called), In: r.In, Out: r.Out,
		Reason: r.Reason, EndedBy: r.EndedBy, Emergency: r.Emergency, Bypassed: r.Bypassed, Poor: r.Poor(), Media: r.Media, Audio: r.Audio}
	if w := r.Worst(); w != nil {
		q.MOS, q.Wideband = w.MOS, w.Wideband
	}
	return q
}

// consumer posts the quality records of ended calls to a URL (OPS-17). The call records on disk are its queue: nothing waits in memory, calls never wait for it, and what was
// not taken when the server stopped or died is posted when it runs again.
type consumer struct {
	url    string
	host   string // of url, for the log
	files  consumerFiles
	store  *store.Store
	place  string
	keep   time.Duration // older records are not posted any more; less than 0: all are
	log    *slog.Logger
	counts *consumerCounts
	pause  time.Duration // after the first failure
	idle   time.Duration

	access  atomic.Pointer[access] // nil: the files could not be read yet
	refused ration
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// consumerCounts outlive the consumer of one document.
type consumerCounts struct {
	posted, failed, dropped atomic.Uint64
	oldest                  atomic.Int64          // when the call ended whose record cannot be posted, in Unix nanoseconds; 0: none waits
	unread                  atomic.Pointer[error] // why the files of the consumer cannot be read as they are now; nil: they can
}

// lag is how long the oldest record waits that is not taken; 0: none waits.
func (n *consumerCounts) lag(now time.Time) time.Duration {
	at := n.oldest.Load()
	if at == 0 {
		return 0
	}
	return max(0, now.Sub(time.Unix(0, at)))
}

// openConsumer makes what the document wants; nil: nothing. With an error there is one all the same: it posts as soon as its files can be read.
func (s *Server) openConsumer(me *topology.Server) (*consumer, error) {
	if me.QualityConsumer == "" {
		return nil, nil
	}
	c := &consumer{url: me.QualityConsumer, files: consumerFiles{server: me.Name, token: me.QualityConsumerTokenFile, ca: me.CA, cert: me.Cert, key: me.Key}, store: s.store,
		place: filepath.Join(s.cfg.DataDir, consumerPlace), keep: s.cfg.Keep, log: s.log, counts: &s.consumed, pause: consumerFirst, idle: consumerIdle}
	if c.keep == 0 {
		c.keep = store.DefaultRetention
	}
	if u, err := url.Parse(c.url); err == nil {
		c.host = u.Host
	}
	a, err := c.files.read()
	if err != nil {
		return c, err
	}
	c.access.Store(a)
	return c, nil
}

// same tells whether a consumer of the next document would do what this one does.
func (c *consumer) same(o *consumer) bool {
	if c == nil || o == nil {
		return c == nil && o == nil
	}
	return c.url == o.url && c.files == o.files && c.access.Load().same(o.access.Load())
}

// turnConsumer puts a consumer in the place of the one before. Without one it is forgotten up to where records were taken.
func (s *Server) turnConsumer(c *consumer) {
	if s.consumer != nil {
		s.consumer.close()
	}
	if s.consumer = c; c != nil {
		c.begin()
		return
	}
	s.consumed.oldest.Store(0)
	s.consumed.unread.Store(nil)
	if err := os.Remove(filepath.Join(s.cfg.DataDir, consumerPlace)); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Warn("quality records: the position stays", "err", err)
	}
}

// begin posts from where it was left, or what comes from now on.
func (c *consumer) begin() {
	at, err := c.position()
	if err != nil {
		c.log.Error("quality records: nothing is posted until the call records can be read", "err", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.done.Go(func() {
		for err != nil {
			if !pauseFor(ctx, c.idle) {
				return
			}
			at, err = c.position()
		}
		c.run(ctx, at)
	})
}

func (c *consumer) close() {
	if c.stop != nil {
		c.stop()
	}
	c.done.Wait()
	if a := c.access.Load(); a != nil {
		a.http.CloseIdleConnections()
	}
}

// position is up to where records were taken; the end where nothing is known of that.
func (c *consumer) position() (at store.Position, err error) {
	text, err := os.ReadFile(c.place)
	if err == nil {
		if err = json.Unmarshal(text, &at); err == nil && at.Segment >= 0 && at.Offset >= 0 {
			return at, nil
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		c.log.Warn("quality records: the position cannot be read, what ends from now on is posted", "file", c.place, "err", err)
	}
	if at, err = c.store.End(); err == nil {
		c.note(at)
	}
	return at, err
}

// note keeps the position. Where the disk does not take it, records are posted again after a restart.
func (c *consumer) note(at store.Position) {
	text, _ := json.Marshal(at)
	if err := store.ReplaceFile(c.place, text); err != nil {
		c.log.Warn("quality records: the position cannot be kept, some are posted again after a restart", "err", err)
	}
}

// run reads and posts until ctx ends.
func (c *consumer) run(ctx context.Context, at store.Position) {
	kept, noted := at, time.Now()
	defer func() {
		if at != kept {
			c.note(at)
		}
	}()
	most, unreadable, waits := consumerBatch, false, false
	failures, refusals := 0, 0     // in a row; of records that were refused alone
	var tried, sure store.Position // up to where one further on was tried, and in front of one that was taken
	for {
		with := c.with()
		wait := c.idle
		list, next, err := c.store.Follow(at, most)
		if err != nil && !unreadable {
			c.log.Warn("quality records: call records cannot be read", "err", err)
		}
		unreadable = err != nil
		body, old := c.body(list)
		switch {
		case err != nil:
		case len(body.Records) == 0:
			c.counts.oldest.Store(0)
			c.counts.dropped.Add(old)
			if len(list) == most { // there are more
				wait = 0
			}
		case with == nil:
			c.counts.oldest.Store(body.Records[0].End.UnixNano())
			next = at
		default:
			err = c.post(ctx, with, body)
			var no *refusedPost
			refused := errors.As(err, &no)
			switch {
			case err == nil:
				c.counts.posted.Add(uint64(len(body.Records)))
				c.counts.dropped.Add(old)
				c.counts.oldest.Store(0)
				if waits {
					c.log.Info("quality records are taken again", "consumer", c.host)
				}
				waits, wait, failures, refusals, most = false, 0, 0, 0, min(2*most, consumerBatch)
			case ctx.Err() != nil:
				return
			case refused && len(body.Records) > 1: // which one it is shows when they are fewer
				c.counts.failed.Add(1)
				most, wait, next = max(1, len(list)/2), 0, at
			case refused && (refusals < consumerRefusals || at.Before(sure)):
				c.counts.failed.Add(1)
				c.counts.dropped.Add(old + 1)
				c.counts.oldest.Store(0)
				if left, ok := c.refused.take(time.Now()); ok {
					c.log.Warn("quality record refused", "consumer", c.host, "id", body.Records[0].ID, "err", err, "unlogged", left)
				}
				wait, failures = 0, 0
				refusals++
			default: // it may be taken later; who refuses one after the other may not mean the records
				c.counts.failed.Add(1)
				if refused {
					if tried.Before(next) {
						tried = next
					}
					var taken bool
					if tried, taken = c.tryFurther(ctx, with, tried); taken {
						c.log.Warn("quality records: one further on is taken, those that are refused are dropped", "consumer", c.host)
						sure, wait, failures, next = tried, 0, 0, at
						break
					}
				}
				c.counts.oldest.Store(body.Records[0].End.UnixNano())
				if !waits {
					waits = true
					c.log.Warn("quality records wait: they are not taken", "consumer", c.host, "err", err)
				}
				wait = min(c.pause<<min(failures, 20), consumerMost)
				wait += rand.N(wait/4 + 1)
				failures++
				next = at
			}
		}
		at = next
		if now := time.Now(); at != kept && (wait >= consumerNote || now.Sub(noted) >= consumerNote) {
			c.note(at)
			kept, noted = at, now
		}
		if !pauseFor(ctx, wait) {
			return
		}
	}
}

// tryFurther posts one record of those behind a position, the last of as many as are posted at once, and tells whether it is taken, and the position behind it.
func (c *consumer) tryFurther(ctx context.Context, with *access, from store.Position) (to store.Position, taken bool) {
	list, to, err := c.store.Follow(from, consumerBatch)
	body, _ := c.body(list)
	if n := len(body.Records); err == nil && n > 0 {
		body.Records = body.Records[n-1:]
		taken = c.post(ctx, with, body) == nil // it comes again when it is its turn
	}
	return to, taken
}

// pauseFor waits, and tells whether to go on.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}

// refusedPost is an answer that will be the same when the record is posted again.
type refusedPost struct{ status string }

func (r *refusedPost) Error() string { return "the consumer answers " + r.status }

// body is what of the records is of answered calls and young enough, and how many are too old.
func (c *consumer) body(list []*cdr.Record) (p qualityPost, old uint64) {
	for _, r := range list {
		switch {
		case r.Answered.IsZero():
		case c.keep > 0 && time.Since(r.End) > c.keep:
			old++
		default:
			p.Records = append(p.Records, qualityRecord(r))
		}
	}
	return p, old
}

func (c *consumer) post(ctx context.Context, with *access, body qualityPost) error {
	text, err := json.Marshal(body)
	if err != nil {
		return &refusedPost{err.Error()}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "directsip/"+Version)
	if with.token != "" {
		req.Header.Set("Authorization", "Bearer "+with.token)
	}
	resp, err := with.http.Do(req)
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err // without the URL, in which there may be what is nobody's business
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch n := resp.StatusCode; {
	case n/100 == 2:
		return nil
	case n == http.StatusBadRequest, n == http.StatusRequestEntityTooLarge, n == http.StatusUnsupportedMediaType, n == http.StatusUnprocessableEntity:
		return &refusedPost{resp.Status}
	}
	return fmt.Errorf("the consumer answers %s", resp.Status)
}
