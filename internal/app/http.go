package app

import (
	"fmt"
	"net/netip"

	"github.com/shoal-tracker/shoal/internal/certificates"
	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/httpserver"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/internal/wsserver"
)

// site is one [[http]] section.
type site struct {
	server       *httpserver.Server
	certificates *certificates.Certificates // nil: plain HTTP alone
	listeners    []*streamio.Listener
}

// addrs returns what the section listens on.
func (s *site) addrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, listener := range s.listeners {
		addrs = append(addrs, listener.Addr())
	}
	return addrs
}

// listenHTTP binds the HTTP trackers, which hand WebSockets on to the WebTorrent
// tracker. They share the loops and the bounds on
// connections and handshakes.
func (a *App) listenHTTP(cfg *config.Config) (err error) {
	if a.loops, err = streamio.NewLoops(streamio.LoopsConfig{Limit: a.connections, Log: a.log}, &a.clock); err != nil {
		return err
	}
	if err := a.openCertificates(cfg); err != nil {
		return err
	}
	a.browsers = wsserver.New(cfg.WebTorrent, a.tracker, a.loops.Post)
	var handshakes *streamio.Handshakes
	for i, c := range cfg.HTTP {
		s := a.sites[i]
		s.server = httpserver.New(c.Config, a.tracker, httpserver.Options{
			Plain:     c.TLS.Plain,
			Challenge: a.challenge,
			Upgrade:   a.browsers.Upgrade,
		})
		listener := streamio.Config{
			NewProtocol:   s.server.NewProtocol,
			MaxInput:      httpserver.MaxHead,
			UpgradedInput: wsserver.MaxInput,
			Proxies:       s.server.Proxies(),
		}
		if s.certificates != nil {
			if handshakes == nil {
				handshakes = streamio.NewHandshakes(streamio.HandshakeLimits{})
			}
			listener.TLS = &streamio.TLS{Config: s.certificates.TLSConfig(), Handshakes: handshakes}
		}
		for _, addr := range c.Listen {
			l, err := a.loops.Listen(addr, listener)
			if err != nil {
				return bindError(fmt.Sprintf("http.%d.listen", i), err)
			}
			s.listeners = append(s.listeners, l)
		}
	}
	return nil
}

// openCertificates makes the sites, with the certificates of those that are
// served by TLS.
func (a *App) openCertificates(cfg *config.Config) (err error) {
	for i, c := range cfg.HTTP {
		s := &site{}
		a.sites = append(a.sites, s)
		if len(c.Listen) == 0 || !c.TLS.Enabled() {
			continue
		}
		if s.certificates, err = certificates.Open(c.TLS, cfg.DataDir, a.log); err != nil {
			return fmt.Errorf("http.%d.tls: %w", i, err)
		}
	}
	return nil
}

// challenge answers an authority that asks over HTTP. Any section may be asked:
// the one on port 80 need not be the one with the certificates.
func (a *App) challenge(host, path string) (body []byte, ok bool) {
	for _, s := range a.sites {
		if body, ok = s.certificates.Challenge(host, path); ok {
			return body, true
		}
	}
	return a.apiCertificates.Challenge(host, path)
}
