package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// healthRound is one time of asking everything. All who come while it goes on, or
// soon after, get its report, so that nobody makes work by asking often.
type healthRound struct {
	done   chan struct{} // closed when the fields below are set
	ended  time.Time
	report *healthReport
}

// report returns what the last round found if that is new enough, and otherwise
// what the next one finds.
func (h *Health) report(ctx context.Context) (*healthReport, error) {
	round := h.current()
	if round == nil {
		return nil, h.ctx.Err()
	}
	select {
	case <-round.done:
		return round.report, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// current returns the round to wait for, or nil at the end.
func (h *Health) current() *healthRound {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return nil
	}
	if h.round != nil {
		select {
		case <-h.round.done:
			if time.Since(h.round.ended) < h.kept {
				return h.round
			}
		default:
			return h.round
		}
	}
	round := &healthRound{done: make(chan struct{})}
	h.round = round
	h.asking.Add(1)
	go func() {
		defer h.asking.Done()
		round.report = reportOf(h.askAll())
		h.tell(round.report.Details)
		round.ended = time.Now()
		close(round.done)
	}()
	return round
}

// healthPart is something that can be ill, and how it is asked.
type healthPart struct {
	detail healthDetail
	ask    func(ctx context.Context) (said string, err error)
}

func (h *Health) parts() (all []healthPart) {
	for _, s := range h.o.Services() {
		all = append(all, healthPart{s.detail(), s.ask})
	}
	if h.o.Database != nil {
		all = append(all, healthPart{healthDetail{ServiceType: typeDatabase, Info: "checking the database by a ping"}, h.askDatabase})
	}
	for _, c := range h.o.Certificates() {
		all = append(all, c.part(time.Now()))
	}
	return all
}

// askAll asks all parts at once.
func (h *Health) askAll() []healthDetail {
	ctx, cancel := context.WithTimeout(h.ctx, h.patience)
	defer cancel()
	type answer struct {
		i    int
		said string
		err  error
	}
	all := h.parts()
	answers := make(chan answer, len(all))
	for i, p := range all {
		h.asking.Add(1)
		go func() {
			defer h.asking.Done()
			said, err := p.ask(ctx)
			answers <- answer{i, said, err}
		}()
	}
	details := make([]healthDetail, len(all))
	silent := fmt.Sprintf("no answer within %v", h.patience)
	for i, p := range all {
		details[i] = p.detail
		details[i].Result.Err = &silent
	}
	for range all {
		select {
		case a := <-answers:
			details[a.i].Result = resultOf(a.said, a.err, silent)
		case <-ctx.Done(): // also for one that does not look at its context
			return details
		}
	}
	return details
}

func resultOf(said string, err error, silent string) healthResult {
	switch {
	case err == nil:
		return healthResult{Ok: &said}
	case errors.Is(err, context.DeadlineExceeded):
		return healthResult{Err: &silent}
	}
	text := err.Error()
	return healthResult{Err: &text}
}

// askDatabase says nothing of why the database does not answer: that may name
// who asks it, and where, and is the log's.
func (h *Health) askDatabase(ctx context.Context) (said string, err error) {
	select {
	case h.pinging <- struct{}{}:
		defer func() { <-h.pinging }()
	default:
		return "", errors.New("it has not answered the last ping yet")
	}
	err = h.o.Database(ctx)
	h.logWhy(err)
	if err != nil {
		return "", errors.New("it does not answer")
	}
	return "it answers", nil
}

// logWhy has the log say why the database does not answer, once until it does again.
func (h *Health) logWhy(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return // it was not waited for
	}
	if err != nil && !h.away {
		h.o.Log.Warn("the database does not answer the health check", "error", err)
	}
	h.away = err != nil
}

// endsSoon is how many days before its end a certificate is said to end. Whoever
// renews it has failed for a while by then, but clients still take it.
const endsSoon = 7

// part judges the certificate at a moment.
func (c Certificate) part(now time.Time) healthPart {
	d := healthDetail{ServiceType: typeCertificate, Info: "checking until when a certificate holds", Names: c.Names}
	if c.NotAfter.IsZero() {
		return healthPart{d, func(context.Context) (string, error) {
			return "", errors.New("there is none yet: the authority has not issued one")
		}}
	}
	days := int(math.Floor(c.NotAfter.Sub(now).Hours() / 24))
	d.DaysLeft = &days
	return healthPart{d, func(context.Context) (string, error) {
		until := c.NotAfter.UTC().Format(time.DateTime) + " UTC"
		switch {
		case !now.Before(c.NotAfter):
			return "", errors.New("it has expired at " + until + ": clients refuse it")
		case days < endsSoon:
			return fmt.Sprintf("it ends soon, at %s: %d days left", until, days), nil
		}
		return fmt.Sprintf("it holds until %s: %d days left", until, days), nil
	}}
}

// tell has the log say what falls ill, and what is well again, once each.
func (h *Health) tell(details []healthDetail) {
	if h.ctx.Err() != nil {
		return // what was not answered was not waited for
	}
	ill := map[string]bool{}
	for _, d := range details {
		name := d.ServiceBinding
		if name == "" {
			name = strings.TrimSpace(d.ServiceType + " " + strings.Join(d.Names, " "))
		}
		switch {
		case d.Result.Err == nil && h.ill[name]:
			h.o.Log.Info("well again, says the health check", "part", name)
		case d.Result.Err != nil && !h.ill[name]:
			h.o.Log.Warn("ill, says the health check", "part", name, "error", *d.Result.Err)
		}
		if d.Result.Err != nil {
			ill[name] = true
		}
	}
	h.ill = ill // a part that is gone is forgotten
}
