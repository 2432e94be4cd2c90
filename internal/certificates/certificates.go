// Package certificates keeps the certificates that listeners show: read from
// files, and again when those change, or issued and renewed by ACME.
package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// watchEvery is how often files are looked at, except in tests.
const watchEvery = 2 * time.Second

// Certificates are those of one [[http]] section. What it serves is swapped
// whole; a connection keeps what it began with.
type Certificates struct {
	log     *slog.Logger
	every   time.Duration
	config  *tls.Config
	shelf   atomic.Pointer[shelf]
	tickets *tickets
	acme    *authority // nil: files

	mu   sync.Mutex // over what follows: Run and Reload look at files
	pair *pair      // nil: ACME
	nags nags
}

// Expiry says until when a certificate holds.
type Expiry struct {
	Names    []string
	NotAfter time.Time // zero: the authority has not issued one yet
	Source   string    // a file, or the directory of the authority

	life time.Duration // from its first moment to its last
}

// Open reads what there is: a pair of files that cannot be loaded is an error
// that names the file and why. Certificates by ACME are those that dataDir
// has from before; Run gets the missing ones. Until then a handshake fails,
// which says more than a certificate that nobody trusts, and costs less.
func Open(c Config, dataDir string, log *slog.Logger) (*Certificates, error) {
	if !c.Enabled() {
		return nil, errors.New("no certificate is configured")
	}
	s := &Certificates{log: log, every: watchEvery, nags: nags{}}
	s.config = &tls.Config{
		GetCertificate:   s.choose,
		NextProtos:       []string{"http/1.1"},
		MinVersion:       tls.VersionTLS12,
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
	}
	if c.MinVersion == "1.3" {
		s.config.MinVersion = tls.VersionTLS13
	}
	if c.PostQuantum {
		s.config.CurvePreferences = append([]tls.CurveID{tls.X25519MLKEM768}, s.config.CurvePreferences...)
	}
	var err error
	if s.tickets, err = openTickets(s.config, c.TicketKeys, log, time.Now()); err != nil {
		return nil, err
	}
	s.shelf.Store(new(shelf))
	if len(c.ACME) > 0 {
		err = s.openACME(c, dataDir)
	} else {
		err = s.openPair(c)
	}
	if err != nil {
		return nil, err
	}
	s.look(time.Now(), false)
	return s, nil
}

func (c *Certificates) openPair(config Config) (err error) {
	if c.pair, err = openPair(config.Cert, config.Key); err != nil {
		return err
	}
	c.shelf.Store(&shelf{first: c.pair.served})
	c.announce("certificate is served", c.pair.served, config.Cert)
	return nil
}

func (c *Certificates) openACME(config Config, dataDir string) (err error) {
	if c.acme, err = openAuthority(config, dataDir, c.log); err != nil {
		return err
	}
	c.config.NextProtos = append(c.config.NextProtos, acmeProtocol)
	c.acme.changed = func(all *shelf, cert *tls.Certificate, again bool) {
		said := "certificate is served"
		if again {
			said = "certificate is renewed"
		}
		c.shelf.Store(all)
		c.announce(said, cert, c.acme.source())
	}
	return c.acme.load(context.Background())
}

// TLSConfig returns the configuration of the listeners, the same one each
// time. Session ticket keys change inside it, so it must not be cloned.
func (c *Certificates) TLSConfig() *tls.Config { return c.config }

// Run watches the files, gets and renews certificates and changes the ticket
// keys until ctx ends. It returns nil, with nothing left running.
func (c *Certificates) Run(ctx context.Context) error {
	var names sync.WaitGroup
	defer names.Wait()
	if c.acme != nil {
		names.Go(func() { c.acme.run(ctx) })
	}
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			c.look(now, false)
		}
	}
}

// Reload looks at the files now, and asks the authority again where it has
// failed before.
func (c *Certificates) Reload() {
	c.look(time.Now(), true)
	if c.acme != nil {
		c.acme.hurry()
	}
}

// look takes what has changed. asked means that somebody waits for an answer
// in the log.
func (c *Certificates) look(now time.Time, asked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil {
		switch changed, err := c.pair.look(now, asked); {
		case err != nil:
			c.log.Warn("certificate is not replaced, the old one stays", "error", err)
		case changed:
			c.shelf.Store(&shelf{first: c.pair.served})
			c.announce("certificate is replaced", c.pair.served, c.pair.cert)
		}
		c.pair.exposed.look("private key is open to every user: chmod 600", c.pair.key, c.pair.seen[1], c.log)
	}
	c.tickets.look(now, asked)
	c.nags.look(c.Expiries(), now, c.log)
}

func (c *Certificates) announce(said string, cert *tls.Certificate, source string) {
	c.log.Info(said, "names", namesOf(cert.Leaf), "not_after", cert.Leaf.NotAfter.UTC(),
		"key", cert.Leaf.PublicKeyAlgorithm.String(), "source", source)
	if time.Now().Before(cert.Leaf.NotBefore) {
		c.log.Warn("certificate does not hold yet: clients will refuse it",
			"names", namesOf(cert.Leaf), "not_before", cert.Leaf.NotBefore.UTC())
	}
}

// Expiries returns all certificates and until when they hold.
func (c *Certificates) Expiries() []Expiry {
	if c.acme != nil {
		return c.acme.expiries()
	}
	return []Expiry{expiryOf(c.shelf.Load().first.Leaf, c.pair.cert)}
}

func expiryOf(leaf *x509.Certificate, source string) Expiry {
	return Expiry{Names: namesOf(leaf), NotAfter: leaf.NotAfter, Source: source, life: leaf.NotAfter.Sub(leaf.NotBefore)}
}
