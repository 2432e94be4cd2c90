package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	healthPatience = 2 * time.Second // how long each part has for its answer
	healthKept     = time.Second     // how long an answer is given again
	healthHeader   = 8 << 10         // bytes of a request's head
)

// Service is a listener of this tracker, which the health check asks as a client
// would.
type Service struct {
	Type    string // ServiceUDP, ServiceHTTP, ServiceWebTorrent or ServiceAPI
	Binding netip.AddrPort
	TLS     bool
}

// Types of services.
const (
	ServiceUDP        = "udp_tracker"
	ServiceHTTP       = "http_tracker"
	ServiceWebTorrent = "webtorrent_tracker"
	ServiceAPI        = "tracker_rest_api"
)

// Certificate is one that listeners show.
type Certificate struct {
	Names    []string
	NotAfter time.Time // zero: there is none yet
}

// HealthOptions are what the health check asks. All functions may be called at
// any time from ListenHealth to the end of Serve, by one caller at once each.
type HealthOptions struct {
	Services     func() []Service
	Certificates func() []Certificate
	Database     func(ctx context.Context) error // nil: none is configured
	Log          *slog.Logger
}

// Health is the health check on its addresses. It is a server of its own, so that
// a load balancer need not reach the management API, and learns of it when that is
// ill.
type Health struct {
	o         HealthOptions
	patience  time.Duration
	kept      time.Duration
	listeners []net.Listener
	http      *http.Server

	ctx  context.Context // of all asking
	stop context.CancelFunc

	mu    sync.Mutex
	round *healthRound // the last, or that under way
	away  bool         // the database did not answer

	asking  sync.WaitGroup
	pinging chan struct{}   // taken by who asks the database: one that hangs is not asked again
	ill     map[string]bool // what the log knows to be ill; for a round at a time
}

// ListenHealth binds every address of c. Nothing is answered before Serve.
func ListenHealth(c HealthConfig, o HealthOptions) (*Health, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Health{o: o, patience: healthPatience, kept: healthKept, pinging: make(chan struct{}, 1), ill: map[string]bool{}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	connections := newConnections(func(netip.Addr) bool { return false })
	h.http = &http.Server{
		Handler:           connections.serve(h),
		ConnContext:       withConnection,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		WriteTimeout:      idleTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    healthHeader,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // strangers fill no log
	}
	for _, addr := range c.Listen {
		l, err := bind(addr)
		if err != nil {
			h.Close()
			return nil, fmt.Errorf("listen on %s for the health check: %w", addr, err)
		}
		h.listeners = append(h.listeners, connections.limit(l))
	}
	return h, nil
}

// Addrs returns the addresses that are bound, in the order of the configuration.
func (h *Health) Addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, 0, len(h.listeners))
	for _, l := range h.listeners {
		if addr, ok := l.Addr().(*net.TCPAddr); ok {
			addrs = append(addrs, netip.AddrPortFrom(addr.AddrPort().Addr().Unmap(), addr.AddrPort().Port()))
		}
	}
	return addrs
}

// Serve answers until ctx is done or a listener fails. Nothing is asked any more
// when it returns.
func (h *Health) Serve(ctx context.Context) error {
	ended := make(chan error, len(h.listeners))
	for _, l := range h.listeners {
		go func() { ended <- h.http.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	h.stop() // nobody waits for a round any more
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if h.http.Shutdown(end) != nil {
		_ = h.Close() // whose errors are of connections that are gone
	}
	h.awaitAsking(end)
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the health check: %w", err)
	}
	return nil
}

// awaitAsking waits for those who ask, because what they ask is closed next. One
// that does not look at its context is left behind.
func (h *Health) awaitAsking(ctx context.Context) {
	none := make(chan struct{})
	h.mu.Lock() // whoever began a round before the end has counted it
	go func() {
		h.asking.Wait()
		close(none)
	}()
	h.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}

// Close ends the health check at once.
func (h *Health) Close() error {
	h.stop()
	err := h.http.Close()
	for _, l := range h.listeners { // those that were not served
		if closing := l.Close(); closing != nil && !errors.Is(closing, net.ErrClosed) {
			err = errors.Join(err, closing)
		}
	}
	return err
}

// ServeHTTP answers GET and HEAD of /health_check, and of / for load balancers
// that ask for nothing else: 200 when everything is well, 503 when a part is ill.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/health_check" && r.URL.Path != "/":
		http.Error(w, "no such path: this is a health check, see /health_check", http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed: use GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	report, err := h.report(r.Context())
	if err != nil || h.ctx.Err() != nil {
		http.Error(w, "the health check is ending", http.StatusServiceUnavailable)
		return
	}
	body, err := json.Marshal(report)
	if err != nil { // of strings and numbers alone
		http.Error(w, "the report cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if report.Status == healthIll {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(body) // who asked may be gone
}
