package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/app"
	"github.com/shoal-tracker/shoal/internal/config"
)

// listFlags are the flags of every command that changes or shows a list.
type listFlags struct {
	source  configFlags
	offline bool
	json    bool
}

func (f *listFlags) addTo(cmd *cobra.Command) {
	f.source.addTo(cmd)
	cmd.Flags().BoolVar(&f.offline, "offline", false, "work on the database itself; a running tracker takes changes in when it gets SIGHUP")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

var errOnline = errors.New("add --offline: this version changes keys and lists in the database alone, and a running tracker takes them in when it gets SIGHUP")

// config reads the configuration that says where the database is.
func (f *listFlags) config() (*config.Config, error) {
	if !f.offline {
		return nil, usageError{errOnline}
	}
	return f.source.load("")
}

// untilOf returns when something expires that lasts for so many seconds; 0: never.
func untilOf(seconds int64) (time.Time, error) {
	const most = 100 * 365 * 24 * 60 * 60
	if seconds < 0 || seconds > most {
		return time.Time{}, fmt.Errorf("--seconds %d: must be 1 to %d, or left out for ever", seconds, most)
	}
	if seconds == 0 {
		return time.Time{}, nil
	}
	return time.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second), nil
}

// fromInput reports whether the one argument asks to read standard input.
func fromInput(args []string) bool { return len(args) == 1 && args[0] == "-" }

const (
	maxBatch = 500      // lines that are committed together
	maxLine  = 64 << 10 // bytes
)

// eachBatch reads lines and hands them on as they come: as many as there are, 500
// at most, and never waiting for one while it has others. Empty lines and those
// that begin with # are passed over.
func eachBatch(in io.Reader, take func(first int, lines []string) error) error {
	lines := make(chan string, maxBatch)
	var failed error
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		failed = scanner.Err() // read after lines was closed
	}()
	number := 0
	for line := range lines {
		batch := []string{line}
	more:
		for len(batch) < maxBatch {
			select {
			case line, ok := <-lines:
				if !ok {
					break more
				}
				batch = append(batch, line)
			default:
				break more
			}
		}
		if err := take(number+1, batch); err != nil {
			return err
		}
		number += len(batch)
	}
	if failed != nil {
		return fmt.Errorf("reading standard input, behind line %d: %w", number, failed)
	}
	return nil
}

// isComment reports whether a line of a list says nothing.
func isComment(line string) bool {
	line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
	return line == "" || line[0] == '#'
}

// hashesOf reads info hashes from arguments, or from standard input.
func hashesOf(cmd *cobra.Command, args []string, take func([]shoal.InfoHash) error) error {
	if !fromInput(args) {
		hashes, err := parseInfoHashes(args)
		if err != nil {
			return err
		}
		return take(hashes)
	}
	return eachBatch(cmd.InOrStdin(), func(first int, lines []string) error {
		var hashes []shoal.InfoHash
		for i, line := range lines {
			if isComment(line) {
				continue
			}
			text, _, _ := strings.Cut(strings.TrimPrefix(line, "\ufeff"), "#")
			hash, err := shoal.ParseInfoHash(strings.TrimSpace(text))
			if err != nil {
				return fmt.Errorf("standard input, line %d: %w", first+i, err)
			}
			hashes = append(hashes, hash)
		}
		if len(hashes) == 0 {
			return nil
		}
		return take(hashes)
	})
}

// unixOrNull returns what JSON has for a time: seconds, or null for never.
func unixOrNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	seconds := t.Unix()
	return &seconds
}

// expiryOf returns a time as people read it.
func expiryOf(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateTime + " UTC")
}

// with opens the database that the configuration names, for one command.
func (f *listFlags) with(cmd *cobra.Command, work func(lists) error) (err error) {
	cmd.SilenceUsage = true
	cfg, err := f.config()
	if err != nil {
		return err
	}
	d, err := app.OpenDatabase(cmd.Context(), cfg, cmd.Name() == "add")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return work(d)
}

// lists are what can be changed.
type lists interface {
	AddKeys(ctx context.Context, keys ...app.Key) error
	RemoveKey(ctx context.Context, key string) (found bool, err error)
	EachKey(ctx context.Context, each func(app.Key) error) error
	Account(ctx context.Context, key shoal.AuthKey) (app.Account, error)

	AddAllowed(ctx context.Context, hashes ...shoal.InfoHash) error
	RemoveAllowed(ctx context.Context, hashes ...shoal.InfoHash) (found int, err error)
	EachAllowed(ctx context.Context, each func(shoal.InfoHash) error) error

	AddDenied(ctx context.Context, denied ...app.Denied) error
	RemoveDenied(ctx context.Context, hashes ...shoal.InfoHash) (found int, err error)
	EachDenied(ctx context.Context, each func(app.Denied) error) error
}

// listCommand is the parent of what can be done with one list.
func listCommand(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s what? add, list or remove", use)
			}
			return noArguments(cmd, args)
		},
		RunE:                       func(*cobra.Command, []string) error { return nil },
		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(children...)
	return cmd
}

// removed says how many of those that were named are gone now.
func removed(cmd *cobra.Command, what string, named, found int) error {
	if found < named {
		return fmt.Errorf("%d of %d %s were not there; the rest is removed", named-found, named, what)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d removed\n", found)
	return nil
}
