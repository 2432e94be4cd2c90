package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/apiclient"
)

// lists are what can be changed, of a running tracker or in a database.
type lists interface {
	AddKeys(ctx context.Context, keys []apiclient.NewKey) ([]apiclient.Key, error)
	RemoveKeys(ctx context.Context, keys []string) (found int, err error)
	EachKey(ctx context.Context, visit func(apiclient.Key) error) error

	AddAllowed(ctx context.Context, hashes []shoal.InfoHash) error
	RemoveAllowed(ctx context.Context, hashes []shoal.InfoHash) (found int, err error)
	EachAllowed(ctx context.Context, visit func(shoal.InfoHash) error) error

	AddDenied(ctx context.Context, torrents []apiclient.NewDenied) error
	RemoveDenied(ctx context.Context, hashes []shoal.InfoHash) (found int, err error)
	EachDenied(ctx context.Context, visit func(apiclient.Denied) error) error

	Close() error
}

// listFlags are the flags of every command that changes or shows a list.
type listFlags struct {
	apiFlags
	offline bool
}

func (f *listFlags) addTo(cmd *cobra.Command) {
	f.apiFlags.addTo(cmd)
	cmd.Flags().BoolVar(&f.offline, "offline", false, "work on the database itself; a running tracker takes changes in when it gets SIGHUP")
}

// with reaches the lists, of a running tracker or in the database, for one
// command.
func (f *listFlags) with(cmd *cobra.Command, work func(lists) error) error {
	if !f.offline {
		return f.ask(cmd, "; --offline works on its database", func(c *apiclient.Client) error { return work(c) })
	}
	for _, online := range []string{"api", "token-file", "insecure"} {
		if cmd.Flags().Changed(online) {
			return usageError{fmt.Errorf("--%s beside --offline: nobody is asked then", online)}
		}
	}
	cmd.SilenceUsage = true
	cfg, err := f.source.load("")
	if err != nil {
		return err
	}
	return onDatabase(cmd, cfg, work)
}

// parentCommand is the parent of what can be done with one thing.
func parentCommand(use, short, what string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s what? %s", use, what)
			}
			return noArguments(cmd, args)
		},
		RunE:                       func(*cobra.Command, []string) error { return nil },
		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(children...)
	return cmd
}

// printing hands out a writer that spares a system call a line.
func printing(cmd *cobra.Command, work func(w io.Writer) error) error {
	w := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
	return errors.Join(work(w), w.Flush())
}

// each returns what is named, each once.
func each[T comparable](named []T) (once []T) {
	for _, one := range named {
		if !slices.Contains(once, one) {
			once = append(once, one)
		}
	}
	return once
}

// removed says how many of those that were named are gone now.
func removed(cmd *cobra.Command, what string, named, found int) error {
	if found < named {
		return fmt.Errorf("%d of %d %s were not there; the rest is removed", named-found, named, what)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d removed\n", found)
	return nil
}

// checkSeconds checks how long something lasts; 0: for ever.
func checkSeconds(seconds int64) error {
	const most = 100 * 365 * 24 * 60 * 60
	if seconds < 0 || seconds > most {
		return fmt.Errorf("--seconds %d: must be 1 to %d, or left out for ever", seconds, most)
	}
	return nil
}

// expiryOf returns a time of expiry as people read it.
func expiryOf(unix *int64) string {
	if unix == nil {
		return "never"
	}
	return time.Unix(*unix, 0).UTC().Format(time.DateTime + " UTC")
}
