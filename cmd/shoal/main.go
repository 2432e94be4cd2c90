// Command shoal is a BitTorrent tracker, and the everyday commands around one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/internal/app"
	"github.com/shoal-tracker/shoal/internal/config"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // what was typed is no command
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "shoal: %v\nsee: %s --help\n", err, cmd.CommandPath())
		return exitUsage
	}
	report(stderr, err)
	return exitFailed
}

// report prints an error. Those of a configuration begin with file and line,
// where editors and terminals look for them.
func report(w io.Writer, err error) {
	prefix := "shoal: "
	if e := (*config.Error)(nil); errors.As(err, &e) {
		prefix = ""
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(w, prefix+strings.TrimSuffix(line, "\n"))
	}
}

func newRootCommand() *cobra.Command {
	root := newServeCommand()
	root.Use = "shoal"
	root.Short = "BitTorrent tracker"
	root.Long = `Shoal is a BitTorrent tracker for UDP, HTTP and WebTorrent, on IPv4 and IPv6.

Without a command it serves, by ./shoal.toml if there is one and by the defaults
if not.`
	root.Example = `  shoal
  shoal -c FILE --set udp.workers=4
  shoal announce udp://127.0.0.1:6969/announce 0123456789abcdef0123456789abcdef01234567`
	root.Version = app.Version()
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(newServeCommand(), newConfigCommand(), newAnnounceCommand(), newScrapeCommand(),
		newKeyCommand(), newWhitelistCommand(), newDenyCommand(), newTorrentCommand())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	usageOf(root)
	return root
}

// usageError is about the command line itself.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usageOf marks the errors that cmd and the commands below it have about their
// arguments as usage errors.
func usageOf(cmd *cobra.Command) {
	check := cmd.Args
	if check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		usageOf(child)
	}
}

// noArguments refuses arguments, and guesses what was meant by them.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if filepath.Ext(args[0]) == ".toml" {
		return fmt.Errorf("unexpected argument %q: a configuration file is named with -c %s", args[0], args[0])
	}
	if !cmd.HasAvailableSubCommands() {
		return fmt.Errorf("unexpected argument %q: %s takes none", args[0], cmd.CommandPath())
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q", args[0])
}
