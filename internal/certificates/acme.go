package certificates

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// At most this many names are with the authority at once.
const atOnce = 4

// authority keeps certificates that come by ACME. certmagic knows how to store
// them, when to renew, and how several nodes that share a storage keep out of
// each other's way. It is only called here, and never left alone: its own
// cache, its maintenance and its listeners are not used.
type authority struct {
	names   []string // in lower case
	storage *store
	issuer  *issuer
	from    certmagic.Issuer // issuer, except in tests
	log     *slog.Logger
	zap     *zap.Logger
	stored  map[string]*sighting // by name
	wake    map[string]chan struct{}

	// changed is told of each certificate that is new, one call at a time.
	changed func(all *shelf, cert *tls.Certificate, again bool)

	mu   sync.Mutex
	held map[string]*tls.Certificate
}

func openAuthority(c Config, dataDir string, log *slog.Logger) (*authority, error) {
	dir := filepath.Join(dataDir, "certificates")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the certificates: %w", err)
	}
	a := &authority{
		storage: newStore(dir),
		log:     log,
		zap:     zapTo(log),
		wake:    map[string]chan struct{}{},
		stored:  map[string]*sighting{},
		held:    map[string]*tls.Certificate{},
	}
	for _, name := range c.ACME {
		name = strings.ToLower(name)
		a.names = append(a.names, name)
		a.wake[name] = make(chan struct{}, 1)
		a.stored[name] = new(sighting)
	}
	var err error
	if a.issuer, err = newIssuer(c, a.storage, log); err != nil {
		return nil, err
	}
	a.from = a.issuer
	return a, nil
}

// load takes what is stored. It asks nobody.
func (a *authority) load(ctx context.Context) error {
	cache, config := a.open(longest)
	defer cache.Stop()
	for _, name := range a.names {
		switch cert, err := config.CacheManagedCertificate(ctx, name); {
		case err == nil:
			a.take(name, &cert.Certificate)
		case errors.Is(err, fs.ErrNotExist):
			a.log.Info("certificate will be asked for", "name", name, "directory", a.issuer.directory)
		default:
			return fmt.Errorf("read the certificate of %s that is kept in %s: %w; remove its folder there to have a new one issued",
				name, a.storage.Path, err)
		}
	}
	return nil
}

// open returns a certmagic with an empty memory. It must be stopped: it keeps
// a goroutine, which finds nothing to do.
func (a *authority) open(interval time.Duration) (*certmagic.Cache, *certmagic.Config) {
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) {
			return nil, errors.New("renewals do not begin here")
		},
		RenewCheckInterval: interval, // counts against the time that is left
		OCSPCheckInterval:  365 * 24 * time.Hour,
		Logger:             zap.NewNop(),
	})
	return cache, certmagic.New(cache, certmagic.Config{
		Issuers:   []certmagic.Issuer{a.from},
		Storage:   a.storage,
		KeySource: certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
		// Public authorities have given OCSP up. Asking for it would tell them
		// nothing and make a start wait for their responder.
		OCSP:   certmagic.OCSPConfig{DisableStapling: true},
		Logger: a.zap,
	})
}

// run keeps all names supplied until ctx ends.
func (a *authority) run(ctx context.Context) {
	defer a.issuer.close()
	slots := make(chan struct{}, atOnce)
	var names sync.WaitGroup
	for _, name := range a.names {
		names.Go(func() { a.keep(ctx, name, slots) })
	}
	names.Wait()
}

// keep gets the certificate of one name, and each of those that follow it.
func (a *authority) keep(ctx context.Context, name string, slots chan struct{}) {
	for failed := 0; ; {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := a.supply(ctx, name)
		<-slots
		if ctx.Err() != nil {
			return
		}
		wait := interval(a.life(name))
		if err == nil {
			failed = 0
		} else {
			wait = a.failed(name, failed, err)
			failed++
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-a.wake[name]:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// supply reads the stored certificate of a name, which another node may have
// renewed, has it issued if there is none, and renewed if it is due.
func (a *authority) supply(ctx context.Context, name string) error {
	cache, config := a.open(interval(a.life(name)))
	defer cache.Stop()
	err := config.ManageSync(ctx, []string{name})
	all := cache.AllMatchingCertificates(name)
	if len(all) > 0 { // also when renewing it has failed
		newest := slices.MaxFunc(all, func(a, b certmagic.Certificate) int { return a.Leaf.NotAfter.Compare(b.Leaf.NotAfter) })
		a.take(name, &newest.Certificate)
	}
	return err
}

func (a *authority) take(name string, cert *tls.Certificate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.held[name]
	if old != nil && old.Leaf.Equal(cert.Leaf) {
		return
	}
	a.held[name] = cert
	all := &shelf{named: map[string]*tls.Certificate{}}
	for _, name := range a.names {
		cert := a.held[name]
		if cert == nil {
			continue
		}
		all.named[name] = cert
		if all.first == nil {
			all.first = cert
		}
	}
	a.changed(all, cert, old != nil)
}

// failed says so, and returns when the authority is asked again.
func (a *authority) failed(name string, times int, err error) time.Duration {
	wait, level, said := retry(times, a.life(name)), slog.LevelError, "there is no certificate: https is not served for this name"
	if cert := a.have(name); cert != nil && time.Now().Before(cert.Leaf.NotAfter) {
		level, said = slog.LevelWarn, "certificate is not renewed, the old one stays"
	}
	a.log.Log(context.Background(), level, said, "name", name, "error", err, "again_in", wait)
	return wait
}

// hurry ends the waiting of every name.
func (a *authority) hurry() {
	for _, wake := range a.wake {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

func (a *authority) have(name string) *tls.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held[name]
}

// life returns how long the certificate of a name holds, from its first moment
// to its last, or 0 if there is none.
func (a *authority) life(name string) time.Duration {
	if cert := a.have(name); cert != nil {
		return cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)
	}
	return 0
}

// source names the authority in logs.
func (a *authority) source() string {
	if u, err := url.Parse(a.issuer.directory); err == nil {
		return u.Host
	}
	return a.issuer.directory
}

func (a *authority) expiries() []Expiry {
	var all []Expiry
	for _, name := range a.names {
		if cert := a.have(name); cert != nil {
			all = append(all, expiryOf(cert.Leaf, a.source()))
		} else {
			all = append(all, Expiry{Names: []string{name}, Source: a.source()})
		}
	}
	return all
}

// How often a certificate is looked at: short ones more often, so that what is
// left when it is due is many intervals.
const (
	shortest = 2 * time.Second
	longest  = 10 * time.Minute
)

func interval(life time.Duration) time.Duration {
	if life == 0 {
		return longest
	}
	return min(max(life/60, shortest), longest)
}

// retries keep below what public authorities allow, which is five failed
// validations of a name an hour.
var retries = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}

func retry(times int, life time.Duration) time.Duration {
	wait := retries[min(times, len(retries)-1)]
	if life > 0 { // of a day or less, from an authority of one's own
		wait = min(wait, max(life/24, shortest))
	}
	return wait
}
