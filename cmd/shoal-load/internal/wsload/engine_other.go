//go:build !linux || !(amd64 || arm64)

package wsload

import "github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"

// wire is a connection's socket.
type wire struct{}

func newEngine(p *plan.Plan, w *worker) (engine, error) { return newTeam(p, w), nil }
