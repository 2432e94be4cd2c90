// Package api is the management API: what operators, scripts and indexes ask of a
// running tracker over HTTP, and the health check with a listener of its own.
//
// It speaks the shapes of Torrust Tracker's REST API, and more beside them. Each
// noun has a file of its own; what they act on is behind Options, so that nothing
// here holds state of the tracker.
package api

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/database"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// Options are what the API is about. All functions may be called at once, and at
// any time from Listen to the end of Serve.
type Options struct {
	Swarm *swarm.Store
	Clock *shoal.Clock

	// Database returns the open database, or why there is none: ErrNoDatabase, or
	// an error that wraps ErrDatabaseAway.
	Database func() (*database.Database, error)

	// Changes are made here, so that they and reloads do not overtake each other.
	Changes Changes

	// Reload reads the configuration and everything it names again, as SIGHUP
	// does, and returns what differs.
	Reload func(ctx context.Context) (Reloaded, error)

	// ReloadLists reads the keys and the lists of the database again.
	ReloadLists func(ctx context.Context) error

	// Modes returns what the rules in force are.
	Modes func() Modes

	// Stats returns what was counted since the start.
	Stats func() Stats

	// Metrics serves GET /api/v1/metrics. It looks at the parameter format.
	Metrics http.Handler

	// StatsText serves GET /api/v1/stats?format=prometheus.
	StatsText http.Handler

	// Settings returns the configuration in force by full key, secrets left out.
	Settings func() map[string]any

	Build Build
	TLS   *tls.Config // nil: plain HTTP
	Log   *slog.Logger
}

// Changes changes what the tracker lets in. Each is written down in the database,
// with the name of who asked for it, and in force on this node when it returns nil.
// An error means that nothing is in force that is not written down; what is written
// down although an error came back is taken in soon. ErrNoDatabase and
// ErrDatabaseAway are wrapped where they are why.
type Changes interface {
	AddKeys(ctx context.Context, by string, keys []database.Key) error
	RemoveKeys(ctx context.Context, by string, keys []string) (found int, err error)

	AddAllowed(ctx context.Context, by string, hashes []shoal.InfoHash) error
	RemoveAllowed(ctx context.Context, by string, hashes []shoal.InfoHash) (found int, err error)

	AddDenied(ctx context.Context, by string, denied []database.Denied) error
	RemoveDenied(ctx context.Context, by string, hashes []shoal.InfoHash) (found int, err error)

	// RemoveTorrent takes a torrent and all its peers out of the swarm. Those that
	// announce again come back. It needs no database; where there is one, it is
	// written down.
	RemoveTorrent(ctx context.Context, by string, hash shoal.InfoHash) (found bool, err error)
}

// Reloaded is what a reload did, by full keys.
type Reloaded struct {
	Applied []string `json:"applied" doc:"Keys that differ, and are in force now"`
	Restart []string `json:"restart" doc:"Keys that differ, and need a restart"`
}

// Modes are the rules that Torrust calls modes.
type Modes struct{ Private, Listed bool }

// Build says which program this is.
type Build struct {
	Version  string    `json:"version"`
	Revision string    `json:"revision"`
	Go       string    `json:"go"`
	OS       string    `json:"os"`
	Arch     string    `json:"arch"`
	Started  time.Time `json:"started"`
}
