//go:build !linux || !(amd64 || arm64)

package httpload

import "github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"

func newEngine(p *plan.Plan, w *worker) (engine, error) { return newDispatcher(p, w), nil }
