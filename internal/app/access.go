package app

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/config"
	"github.com/shoal-tracker/shoal/internal/policy"
)

// access are the lists that the rules look into. They are the same for the life
// of the tracker; what is in them changes.
type access struct {
	keys                *policy.Keys
	allowed, denied     *policy.Torrents // of the database
	allowFile, denyFile *policy.Torrents
}

func newAccess() *access {
	return &access{
		keys:    policy.NewKeys(),
		allowed: policy.NewTorrents(), denied: policy.NewTorrents(),
		allowFile: policy.NewTorrents(), denyFile: policy.NewTorrents(),
	}
}

// chain compiles the rules of cfg over the lists.
func (l *access) chain(cfg *config.Config) *policy.Chain {
	return policy.Compile(cfg.Access, policy.Lists{
		Keys:    l.keys,
		Allowed: []*policy.Torrents{l.allowed, l.allowFile},
		Denied:  []*policy.Torrents{l.denied, l.denyFile},
	})
}

// listFiles are allow_file and deny_file as they were read.
type listFiles struct {
	allowed, denied []shoal.InfoHash
	took            time.Duration
}

// readListFiles reads both files, or says what is wrong with one: a file that is
// half right must not replace one that was right.
func readListFiles(cfg *config.Config) (f listFiles, err error) {
	start := time.Now()
	if f.allowed, err = readListFile("allow_file", cfg.Access.AllowFile); err != nil {
		return f, err
	}
	if f.denied, err = readListFile("deny_file", cfg.Access.DenyFile); err != nil {
		return f, err
	}
	f.took = time.Since(start)
	return f, nil
}

func readListFile(key, name string) ([]shoal.InfoHash, error) {
	if name == "" {
		return nil, nil
	}
	hashes, err := readTorrents(name)
	if err != nil {
		return nil, fmt.Errorf("access.%s: %w", key, err)
	}
	return hashes, nil
}

// setFiles puts what the files say in force.
func (l *access) setFiles(cfg *config.Config, f listFiles, log *slog.Logger) {
	start := time.Now()
	before := l.allowFile.Len() + l.denyFile.Len()
	l.allowFile.ReplaceHashes(f.allowed)
	l.denyFile.ReplaceHashes(f.denied)
	giveBackLists(before + len(f.allowed) + len(f.denied))
	took := slog.Duration("took", (f.took + time.Since(start)).Round(time.Millisecond))
	if cfg.Access.AllowFile != "" {
		log.Info("allow_file is in force", slog.Int("torrents", l.allowFile.Len()), slog.String("file", cfg.Access.AllowFile), took)
	}
	if cfg.Access.DenyFile != "" {
		log.Info("deny_file is in force", slog.Int("torrents", l.denyFile.Len()), slog.String("file", cfg.Access.DenyFile), took)
	}
}

// giveBackLists returns the memory of lists that were replaced to the system. The
// collector would not come by for it: nothing on the road makes garbage.
func giveBackLists(entries int) {
	const many = 100_000
	if entries >= many {
		debug.FreeOSMemory()
	}
}
