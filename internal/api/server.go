package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Times that a connection has.
const (
	headerTimeout = 5 * time.Second // a TLS handshake, or the head of a request
	readTimeout   = time.Minute     // a whole request
	idleTimeout   = time.Minute     // between requests
	writeTimeout  = 2 * time.Minute // from the head of a request to the end of its answer
	endTimeout    = time.Second / 2

	mostHeader = 80 << 10 // bytes: 1,000 info hashes of version 2 in the query of /torrents, and the rest
)

// Server is the management API on its addresses.
type Server struct {
	o        Options
	settings atomic.Pointer[settings]
	now      func() time.Time // for guessing alone
	guessing *guessing
	guessed  rate.Sometimes // so that guessing fills no log
	away     rate.Sometimes // nor does a database that is away
	large    chan struct{}  // taken by the one large body that is worked on
	patience time.Duration  // how long another waits

	prepare func() // makes what follows, once

	mux        *http.ServeMux
	methods    map[string]string // by path: what Allow says
	compatible http.Handler

	connections *connections
	listeners   []net.Listener
	http        *http.Server
	stop        context.CancelFunc // ends the context of every request
	working     sync.RWMutex       // held for reading by each request
}

// settings are what may change while the server serves: replaced whole, so that
// a request never sees half of a change.
type settings struct {
	tokens     tokens
	proxies    []netip.Prefix
	compatible bool
}

// Listen binds every address of c. Nothing is answered before Serve.
func Listen(c Config, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, now: time.Now, guessing: newGuessing(), guessed: rate.Sometimes{Interval: time.Minute}, away: rate.Sometimes{Interval: time.Minute}, large: make(chan struct{}, 1), patience: largePatience}
	s.Configure(c)
	// With the first request: it takes memory, and a tenth of a second, which a
	// tracker that nobody manages does not spend.
	s.prepare = sync.OnceFunc(s.build)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.connections = newConnections(s.trusts)
	s.http = &http.Server{
		Handler:           s.connections.serve(s),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withConnection,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    mostHeader,
		Protocols:         new(http.Protocols),
		// What it says of broken connections names who asked.
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	s.http.Protocols.SetHTTP1(true)
	for _, addr := range c.Listen {
		l, err := bind(addr)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("listen on %s for the management API: %w", addr, err)
		}
		l = s.connections.limit(l)
		if o.TLS != nil {
			l = tls.NewListener(l, o.TLS)
		}
		s.listeners = append(s.listeners, l)
	}
	return s, nil
}

// bind listens on one family only: 0.0.0.0 and [::] may stand side by side.
func bind(addr netip.AddrPort) (net.Listener, error) {
	network := "tcp6"
	if addr.Addr().Unmap().Is4() {
		network, addr = "tcp4", netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	return net.Listen(network, addr.String())
}

// Configure takes the keys of c that may change while the server serves: tokens,
// trusted_proxies and torrust_compatible. The next request sees them.
func (s *Server) Configure(c Config) {
	s.settings.Store(&settings{newTokens(c.Tokens), c.TrustedProxies, c.TorrustCompatible})
}

func (s *Server) trusts(addr netip.Addr) bool { return trusts(s.settings.Load().proxies, addr) }

// Addrs returns the addresses that are bound, in the order of the configuration.
func (s *Server) Addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, 0, len(s.listeners))
	for _, l := range s.listeners {
		if addr, ok := l.Addr().(*net.TCPAddr); ok {
			addrs = append(addrs, netip.AddrPortFrom(addr.AddrPort().Addr().Unmap(), addr.AddrPort().Port()))
		}
	}
	return addrs
}

// Serve answers until ctx is done or a listener fails. Requests under way have
// half a second to end, and are ended then; none is under way when it returns.
func (s *Server) Serve(ctx context.Context) error {
	ended := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		go func() { ended <- s.http.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if s.http.Shutdown(end) != nil {
		_ = s.Close() // whose errors are of connections that are gone
	}
	s.stop()
	s.awaitHandlers()
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the management API: %w", err)
	}
	return nil
}

// awaitHandlers waits for requests whose connections are closed, because what
// they use is closed next. One that does not look at its context is left behind.
func (s *Server) awaitHandlers() {
	idle := make(chan struct{})
	go func() {
		s.working.Lock()
		defer s.working.Unlock()
		close(idle)
	}()
	select {
	case <-idle:
	case <-time.After(endTimeout):
	}
}

// Close ends the server at once: listeners, connections and requests.
func (s *Server) Close() error {
	s.stop()
	err := s.http.Close()
	for _, l := range s.listeners { // those that were not served
		if closing := l.Close(); closing != nil && !errors.Is(closing, net.ErrClosed) {
			err = errors.Join(err, closing)
		}
	}
	return err
}
