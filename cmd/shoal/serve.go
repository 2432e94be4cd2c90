package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/internal/app"
	"github.com/shoal-tracker/shoal/internal/config"
)

func newServeCommand() *cobra.Command {
	var source configFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the tracker (the same as shoal without a command)",
		Long: `Run the tracker until SIGTERM or SIGINT; a second one ends it at once. One
within 0.2 seconds of the first is taken for the same.

SIGHUP and SIGUSR1 read the configuration again. A configuration with an error,
or whose file is gone, changes nothing.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), &source) },
	}
	source.addTo(cmd)
	return cmd
}

func serve(ctx context.Context, source *configFlags) error {
	// First of all, because a SIGHUP that nobody waits for ends the process, and
	// without an end: a signal must not turn an exit in order into another.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, append([]os.Signal{os.Interrupt, syscall.SIGTERM}, reloadSignals...)...)

	cfg, err := source.load("")
	if err != nil {
		return err
	}
	log, level := newLogger(os.Stderr, cfg.Log)
	tracker, err := build(cfg, log, signals)
	if tracker == nil || err != nil {
		return err
	}
	s := server{tracker: tracker, running: cfg, load: source.load, log: log, level: level}
	tracker.SetReload(func(context.Context) (app.Reloaded, error) { return s.reload() })
	return s.run(ctx, signals)
}

// build makes the tracker, or returns nil if a signal to stop comes before: reading
// a long list takes seconds, and from a disk that hangs for ever.
func build(cfg *config.Config, log *slog.Logger, signals <-chan os.Signal) (*app.App, error) {
	type result struct {
		tracker *app.App
		err     error
	}
	done := make(chan result, 1)
	go func() {
		tracker, err := app.New(cfg, log)
		done <- result{tracker, err}
	}()
	for {
		select {
		case r := <-done:
			if r.err != nil {
				return nil, fmt.Errorf("starting: %w", r.err)
			}
			return r.tracker, nil
		case sig := <-signals:
			if !slices.Contains(reloadSignals, sig) { // one to reload finds the files read anyway
				log.Info("stopped before anything was served", slog.String("signal", sig.String()))
				return nil, nil
			}
		}
	}
}

// server is a tracker that listens to signals.
type server struct {
	tracker interface {
		Run(ctx context.Context) error
		Reload(cfg *config.Config) error
	}
	mu      sync.Mutex     // held by a reload: signals and the API ask for them
	running *config.Config // with what reloads changed
	load    func(running string) (*config.Config, error)
	log     *slog.Logger
	level   *slog.LevelVar
}

// sameWish is how long after the first signal another is taken for the same:
// some supervisors signal the process and its group, both at once.
const sameWish = 200 * time.Millisecond

// run serves until a signal, or an error that ends the tracker.
func (s *server) run(ctx context.Context, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.tracker.Run(ctx) }()
	return s.wait(done, signals, cancel)
}

// wait obeys signals until the tracker is done. The first one to stop calls
// stop, which makes it so.
func (s *server) wait(done <-chan error, signals <-chan os.Signal, stop func()) error {
	var stopping time.Time
	reloads := reloads{run: func() { _, _ = s.reload() }} // the log has what came of it
	for {
		select {
		case err := <-done:
			return s.ended(err)
		case <-reloads.done:
			reloads.ended(stopping.IsZero())
		case sig := <-signals:
			switch {
			case slices.Contains(reloadSignals, sig):
				if stopping.IsZero() {
					reloads.ask()
				}
			case stopping.IsZero():
				stopping = time.Now()
				s.log.Info("stopping", slog.String("signal", sig.String()))
				stop()
			case time.Since(stopping) >= sameWish:
				select {
				case err := <-done: // both were ready, and there is nothing left to end
					return s.ended(err)
				default:
					return fmt.Errorf("ended by a second signal (%v), before everything was closed", sig)
				}
			}
		}
	}
}

// reloads runs one reload at a time, and not on the goroutine that reads
// signals: a file on a disk that does not answer would keep it from the signal
// to stop.
type reloads struct {
	run   func()
	done  chan struct{} // nil: none runs
	again bool          // asked for while one ran, which may have read the old file
}

func (r *reloads) ask() {
	if r.done != nil {
		r.again = true
		return
	}
	done := make(chan struct{})
	r.done, r.again = done, false
	go func() {
		defer close(done)
		r.run()
	}()
}

// ended is called after done was closed. more allows another one.
func (r *reloads) ended(more bool) {
	r.done = nil
	if r.again && more {
		r.ask()
	}
}

// ended says how the tracker ended.
func (s *server) ended(err error) error {
	if err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	s.log.Info("stopped")
	return nil
}

// reload puts what is live of the configuration in force, and says what differs.
// One with an error changes nothing.
func (s *server) reload() (app.Reloaded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.load(s.running.Origin)
	if err != nil {
		for _, e := range unjoin(err) {
			s.log.Error("configuration not reloaded, nothing was changed", slog.String("error", e.Error()))
		}
		return app.Reloaded{}, err
	}
	change := config.Reload(s.running, next)
	if err := s.tracker.Reload(change.Config); err != nil {
		s.log.Error("configuration not reloaded, nothing was changed", slog.String("error", err.Error()))
		return app.Reloaded{}, err
	}
	s.running = change.Config
	s.level.Set(levelOf(change.Config.Log))
	s.log.Info("configuration reloaded", slog.String("from", next.Origin), slog.String("changed", list(change.Applied)))
	if len(change.Restart) > 0 {
		s.log.Warn("changed, but needs a restart", slog.String("keys", list(change.Restart)))
	}
	return app.Reloaded{Applied: change.Applied, Restart: change.Restart}, nil
}

func list(keys []string) string {
	if len(keys) == 0 {
		return "nothing"
	}
	return strings.Join(keys, ", ")
}

// unjoin returns the errors that errors.Join put together, a message each.
func unjoin(err error) []error {
	var all interface{ Unwrap() []error }
	if errors.As(err, &all) {
		return all.Unwrap()
	}
	return []error{err}
}
