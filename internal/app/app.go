// Package app builds the rooms in the order of an announce's road, runs them,
// and closes them in reverse.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/accounting"
	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/certificates"
	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/database"
	"github.com/shoal-tracker/shoal/internal/metrics"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/internal/swarm"
	"github.com/shoal-tracker/shoal/internal/tracker"
	"github.com/shoal-tracker/shoal/internal/udpserver"
	"github.com/shoal-tracker/shoal/internal/wsserver"
)

// App is a whole tracker.
type App struct {
	config  *config.Config // as it was at the start
	log     *slog.Logger
	clock   shoal.Clock
	started time.Time

	changing changing // taken before mu, and for as long as a change takes
	missed   bool     // the database was not there for a reload
	doubts   chan struct{}

	mu      sync.Mutex     // of what follows, held for a moment
	running *config.Config // with what reloads changed
	lists   lists

	details   bool // the swarm keeps them
	ledger    *accounting.Ledger
	database  atomic.Pointer[database.Database] // nil: there is none, or not yet
	completed uint64                            // of the swarm's total, what has been gathered

	completedBefore atomic.Uint64 // the database's total, when it was opened

	swarm       *swarm.Store
	tracker     *tracker.Tracker
	connections *streamio.Limit
	udp         []*udpserver.Server
	loops       *streamio.Loops
	browsers    *wsserver.Server
	sites       []*site

	api             *api.Server
	health          *api.Health
	apiCertificates *certificates.Certificates // nil: the API is plain HTTP
	metrics         *metrics.Registry
	reload          func(context.Context) (Reloaded, error)
}

// New builds a tracker and binds every socket of it, so that it either serves
// everything that cfg says or nothing. Requests wait in the kernel until Run.
func New(cfg *config.Config, log *slog.Logger) (*App, error) {
	files, err := readFiles(cfg, log)
	if err != nil {
		return nil, err
	}
	a := &App{
		config: cfg, running: cfg, log: log, connections: streamio.NewLimit(connections(cfg)),
		lists: lists{files, noLists()}, details: keepsDetails(cfg), started: time.Now(),
		changing: make(changing, 1), doubts: make(chan struct{}, 1), metrics: metrics.New(),
	}
	giveBackLists(a.lists.len())
	a.connections.SetMemory(connectionMemory())
	a.setClock()
	limits := a.swarmLimits(cfg)
	a.swarm = swarm.New(swarm.Config{
		PeerTimeout: cfg.Tracker.PeerTimeout,
		Details:     a.details,
		Limits:      limits,
	})
	a.ledger = accounting.New(cfg.Accounting, limits.Peers, cfg.Tracker.PeerTimeout)
	a.tracker = tracker.New(cfg.Tracker, a.lists.chain(cfg), a.swarm, &a.clock)
	a.tracker.SetLedger(a.ledger)
	if err := a.listen(cfg); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.introduce(cfg, limits)
	return a, nil
}

func (a *App) listen(cfg *config.Config) error {
	if err := makeDataDir(cfg.DataDir); err != nil {
		return err
	}
	secret, err := loadSecret(cfg.DataDir)
	if err != nil {
		return err
	}
	for i, c := range cfg.UDP {
		server, err := udpserver.Listen(c, a.tracker, secret, &a.clock, a.log)
		if err != nil {
			return bindError(fmt.Sprintf("udp.%d.listen", i), err)
		}
		a.udp = append(a.udp, server)
	}
	for _, server := range a.udp {
		server.SetOwn(a.UDPAddrs())
	}
	if err := a.listenHTTP(cfg); err != nil {
		return err
	}
	return a.listenManagement(cfg)
}

// Run serves until ctx ends and returns nil then, with every socket closed and
// every goroutine gone.
func (a *App) Run(ctx context.Context) error {
	if err := a.beginDatabase(ctx); err != nil {
		return errors.Join(err, a.Close())
	}
	defer bringProcessors(a.config, a.loops.Count())()
	endRecords := a.beginRecords(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { a.ledger.Run(ctx, &a.clock); return nil })
	group.Go(func() error { a.tick(ctx); return nil })
	group.Go(func() error { a.swarm.Run(ctx, &a.clock); return nil })
	group.Go(func() error { watch(ctx, a.Totals, a.log); return nil })
	group.Go(func() error { giveBack(ctx); return nil })
	group.Go(func() error { a.settleDoubts(ctx); return nil })
	group.Go(func() error { return a.api.Serve(ctx) })
	group.Go(func() error { return a.health.Serve(ctx) })
	if a.apiCertificates != nil {
		group.Go(func() error { return a.apiCertificates.Run(ctx) })
	}
	for _, server := range a.udp {
		group.Go(func() error { return server.Serve(ctx) })
	}
	group.Go(func() error { return a.loops.Serve(ctx) })
	for _, s := range a.sites {
		group.Go(func() error { watchLone(ctx, s.server, a.log); return nil })
		if s.certificates != nil {
			group.Go(func() error { return s.certificates.Run(ctx) })
		}
	}
	err := group.Wait()
	endRecords()
	a.log.Info("swarm at the end", counts(a.Totals())...)
	return errors.Join(err, a.Close())
}

// Close frees the sockets of an App that was never run.
func (a *App) Close() error {
	var errs []error
	if a.health != nil {
		errs = append(errs, a.health.Close())
	}
	if a.api != nil {
		errs = append(errs, a.api.Close())
	}
	if a.loops != nil {
		errs = append(errs, a.loops.Close())
	}
	for i := len(a.udp) - 1; i >= 0; i-- {
		errs = append(errs, a.udp[i].Close())
	}
	if d := a.database.Swap(nil); d != nil {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}

// Reload puts the live keys of cfg in force: [tracker] but peer_timeout and
// peer_details, [limits], [access], [accounting], [webtorrent], the tokens of [api],
// and whose headers are believed. Lists, certificates and ticket keys are read again. A list file
// with an error changes nothing at all; a database that is away leaves the lists
// that were read of it.
func (a *App) Reload(cfg *config.Config) error {
	if err := a.changing.lock(context.Background()); err != nil {
		return err
	}
	defer a.changing.unlock()
	files, err := readFiles(cfg, a.log)
	if err != nil {
		return err
	}
	kept, err := a.rereadLists(cfg)
	if err != nil {
		return err
	}
	managed, err := a.apiConfig(cfg)
	if err != nil {
		return err
	}
	limits := a.swarmLimits(cfg)
	a.ledger.Configure(cfg.Accounting)
	a.ledger.SetLimit(limits.Peers)
	a.swarm.SetLimits(limits)
	a.connections.Set(connections(cfg))
	a.mu.Lock()
	entries := a.lists.len()
	a.running = cfg
	a.enforce(cfg, lists{files, kept})
	entries += a.lists.len()
	a.mu.Unlock()
	giveBackLists(entries)
	a.browsers.Configure(cfg.WebTorrent)
	a.api.Configure(managed)
	for i, s := range a.sites {
		if i < len(cfg.HTTP) {
			s.server.Configure(cfg.HTTP[i].Config)
		}
		if s.certificates != nil {
			s.certificates.Reload()
		}
	}
	if a.apiCertificates != nil {
		a.apiCertificates.Reload()
	}
	a.warn(cfg)
	return nil
}

// UDPAddrs returns the addresses that the UDP trackers listen on.
func (a *App) UDPAddrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, server := range a.udp {
		addrs = append(addrs, server.Addrs()...)
	}
	return addrs
}

// HTTPAddrs returns the addresses that the HTTP trackers listen on.
func (a *App) HTTPAddrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, s := range a.sites {
		addrs = append(addrs, s.addrs()...)
	}
	return addrs
}

// Totals returns what the swarm holds.
func (a *App) Totals() swarm.Totals { return a.swarm.Totals() }

var _ io.Closer = (*App)(nil)
