//go:build !linux || !(amd64 || arm64)

package udpload

import "github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"

// vectors are for system calls that only Linux has.
type vectors struct{}

func (*vectors) point(*batch) {}

func newEngine(p *plan.Plan, sockets []*socket) (engine, error) { return newPortable(p, sockets) }
