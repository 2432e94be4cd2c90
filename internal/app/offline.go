package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/database"
)

// What commands know of the database, which is a room of its own.
type (
	// Key is a key of a private tracker.
	Key = database.Key

	// Denied is a torrent that is refused.
	Denied = database.Denied

	// Database is an open database.
	Database = database.Database
)

// NewKey draws a key.
func NewKey() string { return database.NewKey() }

// OpenDatabase opens the database of a tracker that need not run. One of SQLite is
// made only if it may be: in a wrong directory everything would seem to be gone.
func OpenDatabase(ctx context.Context, cfg *config.Config, make bool) (*database.Database, error) {
	if cfg.Database.Driver == "none" {
		return nil, errors.New(`database.driver is "none": there is no database to keep keys and lists in`)
	}
	if cfg.Database.Driver == "sqlite" && !make {
		name := cmp.Or(cfg.Database.DSN, filepath.Join(cfg.DataDir, database.SQLiteFile))
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("there is no database: %w; is this the directory that the tracker runs in?", err)
		}
	}
	if err := makeDataDir(cfg.DataDir); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	d, err := database.Open(ctx, cfg.Database, cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return d, nil
}
