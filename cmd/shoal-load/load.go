package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// A transport is one kind of load.
type transport struct {
	name     string
	short    string
	long     string
	defaults settings
	usage    map[string]string // of flags that every transport has
	without  []string          // flags that others have, and this one not
	flags    func(cmd *cobra.Command, s *settings)
	// aim makes what loads the target of s, and says where that is.
	aim func(s *settings, named origin) (hostPort string, load loader, err error)
}

// loader loads a tracker until it is done or ctx ends.
type loader func(ctx context.Context, p *plan.Plan, live *report.Live) (*report.Tally, time.Duration, error)

func newCommand(t transport) *cobra.Command {
	s := new(settings)
	var file string
	var print, asJSON bool
	cmd := &cobra.Command{
		Use:   t.name,
		Short: t.short,
		Long:  t.long,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if print {
				return printFile(cmd.OutOrStdout(), t.name, cmd.Flags())
			}
			var inFile map[string]string
			if file != "" {
				var err error
				if inFile, err = readFile(file, cmd.Flags()); err != nil {
					return err
				}
			}
			named := func(flag string) string {
				if where, ok := inFile[flag]; ok {
					return where
				}
				return fmt.Sprintf("--%s %v", flag, cmd.Flags().Lookup(flag).Value)
			}
			if err := s.check(named); err != nil {
				return err
			}
			return t.load(cmd, s, named, asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	all := pflag.NewFlagSet(t.name, pflag.ContinueOnError)
	s.addTo(all, t.defaults)
	all.VisitAll(func(flag *pflag.Flag) {
		if usage, ok := t.usage[flag.Name]; ok {
			flag.Usage = usage
		}
		if !slices.Contains(t.without, flag.Name) {
			f.AddFlag(flag)
		}
	})
	if t.flags != nil {
		t.flags(cmd, s)
	}
	f.BoolVar(&asJSON, "json", false, "print the report as one JSON object")
	f.StringVarP(&file, "config", "c", "", "configuration `FILE`; flags win over it")
	f.BoolVarP(&print, "print-config", "p", false, "print a configuration file with every key at its default, and end")
	return cmd
}

// With TLS every connection leaves garbage, and little lives on: a collector that
// comes more rarely leaves more of the CPU to the handshakes.
const gcPercent = 800

// load runs a load test and tells how it went.
func (t *transport) load(cmd *cobra.Command, s *settings, named origin, asJSON bool) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends at once
	hostPort, load, err := t.aim(s, named)
	if err != nil {
		return err
	}
	p, err := s.plan(ctx, hostPort)
	if err != nil {
		return err
	}
	// A worker that waits in a system call keeps its thread; the rest of the
	// program needs another.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), p.Workers+1))
	if p.TLS != nil && !p.Idle {
		debug.SetGCPercent(gcPercent)
	}
	p.Holding = func(open int) { cmd.PrintErrf("shoal-load: holding %d connections for %v\n", open, p.Duration) }
	p.Loading = func(open int) { cmd.PrintErrf("shoal-load: loading by %d connections for %v\n", open, p.Duration) }
	p.Loaded = func() { cmd.PrintErrln("shoal-load: the load is over") }
	name := t.name
	if p.TLS != nil {
		name += "s"
	}
	live := report.NewLive(p.Workers)
	end := showProgress(cmd.ErrOrStderr(), p, live)
	before := processCPU()
	tally, elapsed, err := load(ctx, p, live)
	cpu := processCPU() - before
	end()
	if tally == nil { // a program that asked for an object gets one
		if ctx.Err() != nil {
			err = errors.New("stopped before anything was measured")
		}
		if asJSON {
			err = errors.Join(report.Summarize(name, p, report.NewTally(), 0, cpu).WriteJSON(cmd.OutOrStdout()), err)
		}
		return err
	}
	summary := report.Summarize(name, p, tally, elapsed, cpu)
	write := summary.WriteTable
	if asJSON {
		write = summary.WriteJSON
	}
	return errors.Join(write(cmd.OutOrStdout()), err, verdict(summary))
}

// verdict is why a run failed although it came to its end.
func verdict(s *report.Summary) error {
	switch {
	case s.Wrong > 0:
		return fmt.Errorf("%d of %d answers were wrong", s.Wrong, s.Responses+s.Stray)
	case s.Errors > 0:
		return fmt.Errorf("%d of %d answers were errors", s.Errors, s.Responses)
	case s.Responses == 0:
		return errors.New("no answer came")
	}
	return nil
}

// plan fills in what settings leave open.
func (s *settings) plan(ctx context.Context, hostPort string) (*plan.Plan, error) {
	target, err := resolve(ctx, hostPort, s.mine)
	if err != nil {
		return nil, err
	}
	p := &plan.Plan{
		Target: target, Duration: s.duration, Connections: s.connections, Workers: s.workers,
		Rate: float64(s.rate), Requests: s.requests, Fill: s.fill, Timeout: s.timeout, Nap: s.nap,
		Segment: s.segment, Portable: s.portable, KeepAlive: s.keepAlive, Path: s.path, Host: s.host,
		TLS: s.tlsConfig, Resume: s.resume, Idle: s.idle,
		Offers: s.offers, SDP: s.sdp, Churn: s.churn, AnswerReplies: s.answerReplies, Rest: s.settle,
		NumWant: s.numWant, Scrape: s.scrape, Connect: s.connect, Hashes: s.hashes, Seed: s.seed,
	}
	if p.Seed == 0 {
		p.Seed, p.Alone = 1+rand.Uint64N(1<<32), true
	}
	if p.Sources, err = chooseSources(target, s.sources, s.neededSources(), s.peers); err != nil {
		return nil, err
	}
	if p.Workers == 0 {
		p.Workers = max(1, runtime.NumCPU()/2)
	}
	if s.idle { // they have nothing to do
		p.Workers = 1
	}
	p.Workers = min(p.Workers, len(p.Sources), int(min(s.peers, 1<<20)), p.Connections)
	p.Population, err = population.New(population.Config{
		Peers: s.peers, Torrents: s.torrents, Seeders: s.seeders, Uniform: s.uniform, Seed: p.Seed, Sources: p.Sources,
	})
	return p, err
}
