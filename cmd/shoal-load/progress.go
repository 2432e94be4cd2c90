package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

const progressInterval = 250 * time.Millisecond

// showProgress shows how far a run has come, if w is a terminal, until end is
// called.
func showProgress(w io.Writer, p *plan.Plan, live *report.Live) (end func()) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	most := int64(p.Duration)
	if p.Fill {
		most = int64(p.Population.Peers())
	}
	bar := progressbar.NewOptions64(most, progressbar.OptionSetWriter(file), progressbar.OptionSetPredictTime(false),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(20))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		start, before := time.Now(), uint64(0)
		for {
			select {
			case <-stop:
				_ = bar.Finish()
				return
			case <-tick.C:
			}
			responses, lost, wrong := live.Totals()
			bar.Describe(fmt.Sprintf("%d answers/s, %d lost, %d wrong", (responses-before)*uint64(time.Second/progressInterval), lost, wrong))
			before = responses
			at := int64(time.Since(start))
			if p.Fill {
				at = int64(responses)
			}
			_ = bar.Set64(min(at, most-1))
		}
	}()
	return func() { close(stop); <-stopped }
}
