package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/internal/apiclient"
	"github.com/shoal-tracker/shoal/internal/app"
	"github.com/shoal-tracker/shoal/internal/config"
)

// tokenVariable is the variable that a token may be in. On the command line
// everybody on the machine would see it.
const tokenVariable = "SHOAL_API_TOKEN"

// apiFlags are the flags of every command that asks a running tracker.
type apiFlags struct {
	source    configFlags
	api       string
	tokenFile string
	insecure  bool
	json      bool
}

func (f *apiFlags) addTo(cmd *cobra.Command) {
	f.source.addTo(cmd)
	cmd.Flags().StringVar(&f.api, "api", "", "`URL` of the management API (default: api.listen of the configuration)")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "`FILE` with the token of the API (default: $"+tokenVariable+", api.tokens of the configuration, or api-token in data_dir)")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "believe any certificate")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// ask reaches the management API for one command. instead is what else may be done
// if nobody answers.
func (f *apiFlags) ask(cmd *cobra.Command, instead string, work func(*apiclient.Client) error) error {
	cmd.SilenceUsage = true
	cfg, err := f.source.load("")
	if err != nil {
		return err
	}
	options, err := f.place(cfg)
	if err != nil {
		return err
	}
	token, source, err := f.token(cfg)
	if err != nil {
		return err
	}
	options.Token, options.Insecure = token, f.insecure
	c, err := apiclient.New(options)
	if err != nil {
		return err
	}
	defer c.Close()
	return explain(work(c), source, instead)
}

// place returns where the API is.
func (f *apiFlags) place(cfg *config.Config) (apiclient.Options, error) {
	if f.api != "" {
		return apiclient.Options{URL: f.api}, nil
	}
	place, err := app.APIAccess(cfg)
	if err != nil {
		return apiclient.Options{}, fmt.Errorf("%w: --api URL names another", err)
	}
	return apiclient.Options{URL: place.URL, ServerName: place.ServerName, Roots: place.Roots}, nil
}

// token returns the token, and where it was found.
func (f *apiFlags) token(cfg *config.Config) (token, source string, err error) {
	if f.tokenFile != "" {
		token, err = app.ReadToken(f.tokenFile)
		return token, f.tokenFile, err
	}
	if token = os.Getenv(tokenVariable); token != "" {
		return token, tokenVariable, nil
	}
	if f.api != "" && !isOwn(cfg, f.api) {
		return "", "", fmt.Errorf("the token for %.200q: name it by --token-file FILE or %s; those of the configuration are for the tracker on this machine", f.api, tokenVariable)
	}
	if token, source, err = app.APIToken(cfg); err != nil {
		err = fmt.Errorf("%w; --token-file FILE or %s names one", err, tokenVariable)
	}
	return token, source, err
}

// isOwn reports whether a URL leads to the machine itself, or to where the
// configuration listens. Other machines must not be shown its tokens.
func isOwn(cfg *config.Config, api string) bool {
	u, err := url.Parse(api)
	if err != nil {
		return true // and the client says what is wrong
	}
	if u.Hostname() == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return false
	}
	for _, listen := range cfg.API.Listen {
		if listen.Addr().Unmap() == addr.Unmap() {
			return true
		}
	}
	return addr.Unmap().IsLoopback()
}

// explain says what can be done about an error of the API.
func explain(err error, source, instead string) error {
	var nobody *apiclient.Unreachable
	if errors.As(err, &nobody) {
		return fmt.Errorf("%w; does the tracker run, with api.listen there? --api URL names another place%s", err, instead)
	}
	var refused *apiclient.Refused
	if errors.As(err, &refused) {
		switch refused.Status {
		case http.StatusUnauthorized:
			return fmt.Errorf("%w; the token is from %s", err, source)
		case http.StatusForbidden:
			return fmt.Errorf("%w; the token is from %s, and this needs one of scope admin", err, source)
		}
	}
	return err
}
