// Command shoal-load is a load tester for BitTorrent trackers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // or the tracker answered wrong
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
		fmt.Fprintf(stderr, "shoal-load: %v\nsee: %s --help\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(stderr, "shoal-load: %v\n", err)
	return exitFailed
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "shoal-load",
		Short: "Load tester for BitTorrent trackers",
		Long: `shoal-load plays a crowd of peers to a tracker, checks what it answers, and says
how fast it was. Put load on trackers of your own only: on anyone else's it is
an attack.`,
		Example: `  shoal-load udp --target 127.0.0.1:6969
  shoal-load udp --rate 50000 --duration 30s --json
  shoal-load http --target http://127.0.0.1:6969/announce --keep-alive=false
  shoal-load ws --target ws://127.0.0.1:6969 --offers 5`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          func(*cobra.Command, []string) error { return usageError{errors.New("load what? udp, http or ws")} },
	}
	root.AddCommand(newUDPCommand(), newHTTPCommand(), newWSCommand(), newTorrentsCommand())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{plain(err)} })
	return root
}

// plain says of a value that a flag does not take which ones it takes.
func plain(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	return fmt.Errorf("--%s %s: %s", invalid.GetFlag().Name, invalid.GetValue(), must(invalid.GetFlag()))
}

// version is what the go tool stamped into the program.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// usageError is about the command line itself.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("unexpected argument %q: see what %s takes", args[0], cmd.CommandPath())}
}
