package app

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/database"
	"github.com/shoal-tracker/shoal/internal/policy"
)

// lists are what the rules look into. A reload makes new ones, so that rules and
// lists change at one moment: what is allowed before and after is never refused in
// between.
type lists struct {
	fileLists
	databaseLists
}

// fileLists are what allow_file and deny_file say.
type fileLists struct{ allowed, denied *policy.Torrents }

// databaseLists are what the database says.
type databaseLists struct {
	keys            *policy.Keys
	allowed, denied *policy.Torrents
}

func noLists() databaseLists {
	return databaseLists{keys: policy.NewKeys(), allowed: policy.NewTorrents(), denied: policy.NewTorrents()}
}

// chain compiles the rules of cfg over the lists.
func (l *lists) chain(cfg *config.Config) *policy.Chain {
	return policy.Compile(cfg.Access, policy.Lists{
		Keys:    l.keys,
		Allowed: []*policy.Torrents{l.databaseLists.allowed, l.fileLists.allowed},
		Denied:  []*policy.Torrents{l.databaseLists.denied, l.fileLists.denied},
	})
}

// len returns how many entries there are.
func (l *lists) len() int {
	return l.keys.Len() + l.databaseLists.allowed.Len() + l.databaseLists.denied.Len() +
		l.fileLists.allowed.Len() + l.fileLists.denied.Len()
}

// CheckLists reports what is wrong with the list files that cfg names.
func CheckLists(cfg *config.Config) error {
	_, err := readFiles(cfg, slog.New(slog.DiscardHandler))
	return err
}

// readFiles reads both files, or says what is wrong with one: a file that is half
// right must not replace one that was right.
func readFiles(cfg *config.Config, log *slog.Logger) (f fileLists, err error) {
	if f.allowed, err = readFile("allow_file", cfg.Access.AllowFile, log); err != nil {
		return f, err
	}
	f.denied, err = readFile("deny_file", cfg.Access.DenyFile, log)
	return f, err
}

func readFile(key, name string, log *slog.Logger) (*policy.Torrents, error) {
	list := policy.NewTorrents()
	if name == "" {
		return list, nil
	}
	start := time.Now()
	hashes, err := readTorrents(name)
	if err != nil {
		return nil, fmt.Errorf("access.%s: %w", key, err)
	}
	list.ReplaceHashes(hashes)
	log.Info(key+" is read", slog.Int("torrents", list.Len()), slog.String("file", name),
		slog.Duration("took", time.Since(start).Round(time.Millisecond)))
	return list, nil
}

// readLists reads the keys, the whitelist and the deny list of the database.
func readLists(ctx context.Context, d *database.Database, log *slog.Logger) (databaseLists, error) {
	start := time.Now()
	l := noLists()
	var keys []policy.Key
	if err := d.EachKey(ctx, func(k database.Key) error {
		keys = append(keys, policy.Key{Hash: shoal.ParseAuthKey([]byte(k.Key)), Until: until(k.Until)})
		return nil
	}); err != nil {
		return l, err
	}
	l.keys.Replace(keys)
	var allowed []shoal.InfoHash
	if err := d.EachAllowed(ctx, func(hash shoal.InfoHash) error {
		allowed = append(allowed, hash)
		return nil
	}); err != nil {
		return l, err
	}
	l.allowed.ReplaceHashes(allowed)
	var denied []policy.Torrent
	if err := d.EachDenied(ctx, func(t database.Denied) error {
		denied = append(denied, policy.Torrent{Hash: t.Hash, Until: until(t.Until)})
		return nil
	}); err != nil {
		return l, err
	}
	l.denied.Replace(denied)
	log.Info("lists of the database are read", slog.Int("keys", l.keys.Len()),
		slog.Int("allowed", l.allowed.Len()), slog.Int("denied", l.denied.Len()),
		slog.Duration("took", time.Since(start).Round(time.Millisecond)))
	return l, nil
}

// until returns a time of expiry as the rules compare it.
func until(t time.Time) shoal.Tick {
	if t.IsZero() {
		return 0
	}
	return shoal.TickOf(t)
}

// giveBackLists returns the memory of lists that were replaced to the system. The
// collector would not come by for it: nothing on the road makes garbage.
func giveBackLists(entries int) {
	const many = 100_000
	if entries >= many {
		debug.FreeOSMemory()
	}
}
