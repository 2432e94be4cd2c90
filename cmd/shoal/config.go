package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/internal/app"
	"github.com/shoal-tracker/shoal/internal/config"
)

// configFlags are the flags of every command that reads the configuration.
type configFlags struct {
	file string
	set  []string
}

func (f *configFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "config", "c", "", "configuration `FILE` (default: $SHOAL_CONFIG, or ./shoal.toml if there is one)")
	// An array, not a slice: a value may have commas.
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "set one `KEY=VALUE`, such as log.level=debug, over file and environment; may be repeated")
}

// load reads the configuration. running is the origin of the one that it will
// replace, or empty.
func (f *configFlags) load(running string) (*config.Config, error) {
	return config.Load(config.Options{File: f.file, Set: f.set, Environ: os.Environ(), Running: running})
}

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print or check a configuration",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("config what? print or check")
			}
			return noArguments(cmd, args)
		},
		// Without one, cobra would print the help and call it a success.
		RunE:                       func(*cobra.Command, []string) error { return nil },
		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(newConfigPrintCommand(), newConfigCheckCommand())
	return cmd
}

func newConfigPrintCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "print",
		Short:   "Print a file with every key, its default and a comment",
		Example: "  shoal config print > shoal.toml",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := io.WriteString(cmd.OutOrStdout(), config.Reference()); err != nil {
				return fmt.Errorf("printing the reference: %w", err)
			}
			return nil
		},
	}
}

func newConfigCheckCommand() *cobra.Command {
	var source configFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Report every error of a configuration",
		Long: `Report every error of the configuration that shoal serve would run by: its file,
the environment and the flags. Each is told with its line and what is allowed.`,
		Example: "  shoal config check -c FILE",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := source.load("")
			if err != nil {
				return err
			}
			if err := app.CheckLists(cfg); err != nil {
				return err
			}
			for _, warning := range cfg.Warnings() {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: doubt: %s\n", cfg.Origin, warning)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: no errors\n", cfg.Origin)
			return nil
		},
	}
	source.addTo(cmd)
	return cmd
}
