package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-tracker/shoal/internal/config"
)

// fakeTracker runs until its context ends, and then until it is let go.
type fakeTracker struct {
	run      func(ctx context.Context) error
	reloaded []*config.Config
	refuses  error
}

func (f *fakeTracker) Run(ctx context.Context) error { return f.run(ctx) }
func (f *fakeTracker) Reload(c *config.Config) error {
	if f.refuses != nil {
		return f.refuses
	}
	f.reloaded = append(f.reloaded, c)
	return nil
}

func newServer(f *fakeTracker, log io.Writer) *server {
	level := &slog.LevelVar{}
	return &server{
		tracker: f, running: config.Default(), level: level,
		log: slog.New(newHandler(log, "json", false, level)),
	}
}

func TestSecondSignalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		defer close(stuck)
		s := newServer(&fakeTracker{run: func(context.Context) error { <-stuck; return nil }}, io.Discard)
		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGTERM
		go func() {
			time.Sleep(sameWish)
			signals <- os.Interrupt
		}()
		err := s.run(t.Context(), signals)
		if err == nil || !strings.Contains(err.Error(), "second signal (interrupt)") {
			t.Errorf("error %v", err)
		}
	})
}

// A supervisor that signals the process and its group wishes one thing.
func TestSignalTwiceAtOnceIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(&fakeTracker{run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second) // connections that take their time
			return nil
		}}, io.Discard)
		signals := make(chan os.Signal, 3)
		signals <- syscall.SIGTERM
		signals <- syscall.SIGTERM
		go func() {
			time.Sleep(sameWish - time.Millisecond)
			signals <- os.Interrupt
		}()
		if err := s.run(t.Context(), signals); err != nil {
			t.Error(err)
		}
	})
}

// A second signal that comes with the end of the tracker has nothing to end.
func TestSecondSignalAfterTheEnd(t *testing.T) {
	for range 50 { // which of two ready channels is read is drawn
		synctest.Test(t, func(t *testing.T) {
			s := newServer(nil, io.Discard)
			done, signals := make(chan error, 1), make(chan os.Signal, 1)
			signals <- syscall.SIGTERM
			err := s.wait(done, signals, func() {
				time.Sleep(2 * sameWish)
				done <- nil
				signals <- syscall.SIGTERM
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestStopWhileReloading: a file that cannot be read, nor not be read, keeps
// nobody from ending the process.
func TestStopWhileReloading(t *testing.T) {
	if len(reloadSignals) == 0 {
		t.Skip("no signal means a reload")
	}
	for _, test := range []struct {
		name string
		run  func(ctx context.Context, stuck <-chan struct{}) error
		want string
	}{
		{"first signal", func(ctx context.Context, _ <-chan struct{}) error { <-ctx.Done(); return nil }, ""},
		{"second signal", func(_ context.Context, stuck <-chan struct{}) error { <-stuck; return nil }, "second signal (interrupt)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stuck := make(chan struct{})
				s := newServer(&fakeTracker{run: func(ctx context.Context) error { return test.run(ctx, stuck) }}, io.Discard)
				s.load = func(string) (*config.Config, error) { <-stuck; return nil, errors.New("too late") }
				signals := make(chan os.Signal, 8)
				signals <- reloadSignals[0]
				signals <- reloadSignals[0]
				signals <- syscall.SIGTERM
				go func() {
					time.Sleep(sameWish)
					signals <- os.Interrupt
				}()
				ended := make(chan error, 1)
				go func() { ended <- s.run(t.Context(), signals) }()
				time.Sleep(time.Minute)
				select {
				case err := <-ended:
					if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
						t.Errorf("error %v, want %q", err, test.want)
					}
					close(stuck)
				default:
					t.Error("a reload that hangs keeps the signals from being read")
					close(stuck)
					<-ended
				}
			})
		})
	}
}

// TestReloadsOneAtATime: signals while one runs ask for one more, which reads
// what may have been written since.
func TestReloadsOneAtATime(t *testing.T) {
	if len(reloadSignals) == 0 {
		t.Skip("no signal means a reload")
	}
	synctest.Test(t, func(t *testing.T) {
		s := newServer(&fakeTracker{run: func(ctx context.Context) error { <-ctx.Done(); return nil }}, io.Discard)
		var running, loads atomic.Int32
		s.load = func(string) (*config.Config, error) {
			if running.Add(1) > 1 {
				t.Error("two reloads at once")
			}
			loads.Add(1)
			time.Sleep(time.Second)
			running.Add(-1)
			return nil, errors.New("no configuration")
		}
		signals := make(chan os.Signal, 8)
		ended := make(chan error, 1)
		go func() { ended <- s.run(t.Context(), signals) }()
		for _, want := range []int32{2, 4} {
			for range 5 {
				signals <- reloadSignals[0]
				synctest.Wait()
			}
			time.Sleep(time.Minute)
			if got := loads.Load(); got != want {
				t.Errorf("%d reloads, want %d", got, want)
			}
		}
		signals <- syscall.SIGTERM
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestFirstSignalStops(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := newServer(&fakeTracker{run: func(ctx context.Context) error { <-ctx.Done(); return nil }}, io.Discard)
		signals := make(chan os.Signal, 1)
		signals <- sig
		if err := s.run(t.Context(), signals); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
	}
}

func TestTrackerFails(t *testing.T) {
	broken := errors.New("a socket broke")
	s := newServer(&fakeTracker{run: func(context.Context) error { return broken }}, io.Discard)
	if err := s.run(t.Context(), nil); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestReload(t *testing.T) {
	var log bytes.Buffer
	f := &fakeTracker{}
	s := newServer(f, &log)
	next := config.Default()
	next.Log.Level, next.Tracker.Interval, next.DataDir = "debug", 20*time.Minute, "elsewhere"
	next.Origin = "next.toml"
	s.load = func(running string) (*config.Config, error) {
		if running != "defaults" {
			t.Errorf("running %q", running)
		}
		return next, nil
	}
	s.reload()
	if len(f.reloaded) != 1 || f.reloaded[0].Tracker.Interval != 20*time.Minute || f.reloaded[0].DataDir != "data" {
		t.Errorf("reloaded %+v", f.reloaded)
	}
	if s.level.Level() != slog.LevelDebug {
		t.Errorf("level %v", s.level.Level())
	}
	for _, want := range []string{`"changed":"log.level, tracker.interval"`, `"keys":"data_dir"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in the log:\n%s", want, log.String())
		}
	}

	running := s.running
	log.Reset()
	s.load = func(running string) (*config.Config, error) {
		if running != "next.toml" {
			t.Errorf("running %q, where a reload has read next.toml", running)
		}
		return nil, errors.Join(errors.New("this"), errors.New("that"))
	}
	s.reload()
	if len(f.reloaded) != 1 {
		t.Error("a bad configuration was put in force")
	}
	if strings.Count(log.String(), "nothing was changed") != 2 || !strings.Contains(log.String(), `"error":"that"`) {
		t.Errorf("log:\n%s", log.String())
	}

	log.Reset()
	s.load = func(string) (*config.Config, error) { return config.Default(), nil }
	f.refuses = errors.New("deny_file: denied.txt:3: no hash")
	s.reload()
	if s.running != running || s.level.Level() != slog.LevelDebug {
		t.Error("a configuration that the tracker did not take is the running one")
	}
	if !strings.Contains(log.String(), "nothing was changed") || !strings.Contains(log.String(), "denied.txt:3") {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestLog(t *testing.T) {
	for _, test := range []struct {
		format   string
		terminal bool
		want     string
	}{
		{"auto", false, `"interval":"30m0s"`},
		{"json", true, `"interval":"30m0s"`},
		{"text", false, "INF announces interval=30m0s"},
		{"auto", true, "announces"},
	} {
		var b bytes.Buffer
		log := slog.New(newHandler(&b, test.format, test.terminal, levelOf(config.Log{Level: "info"})))
		log.Debug("not to be seen")
		log.Info("announces", slog.Duration("interval", 30*time.Minute))
		if !strings.Contains(b.String(), test.want) || strings.Contains(b.String(), "not to be seen") {
			t.Errorf("%s, terminal %v: %q does not have %q", test.format, test.terminal, b.String(), test.want)
		}
		if json := b.String()[0] == '{'; json == (test.format == "text" || test.format == "auto" && test.terminal) {
			t.Errorf("%s, terminal %v: %q", test.format, test.terminal, b.String())
		}
	}
}
