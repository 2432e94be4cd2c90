package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// DefaultFile is read where no other file is named, if it is there.
const DefaultFile = "shoal.toml"

// Options says where a configuration is read from. The zero Options reads
// DefaultFile, if there is one, and no environment.
type Options struct {
	File    string   // path; empty: what the environment names, or DefaultFile
	Set     []string // KEY=VALUE each, over everything else
	Environ []string // NAME=VALUE each, as os.Environ returns

	// Running is the Origin of the configuration that runs, where one is read
	// to take its place: a file that it came from may not be missing now.
	Running string

	ReadFile func(name string) ([]byte, error) // nil: os.ReadFile
}

// Load reads the configuration: flags go before the environment, that before
// the file, that before the defaults. The error joins an *Error for everything
// that is wrong.
func Load(o Options) (*Config, error) {
	l := &loader{config: Default(), written: map[string]Error{}}
	origin, text, err := o.read()
	if err != nil {
		return nil, err
	}
	whole := true
	if origin != "" {
		l.config.Origin = origin
		whole = l.file(origin, text)
	}
	l.environ(o.Environ)
	l.flags(o.Set)
	if whole {
		l.validate()
	}
	if len(l.problems) > 0 {
		return nil, join(l.problems)
	}
	return l.config, nil
}

// read returns the document and what it is called; both are empty where there
// is none.
func (o *Options) read() (origin string, text []byte, err error) {
	readFile := o.ReadFile
	if readFile == nil {
		readFile = os.ReadFile
	}
	name := o.File
	if name == "" {
		if text := lookup(o.Environ, variableTOML); text != "" {
			return variableTOML, []byte(text), nil
		}
		name = lookup(o.Environ, variableFile)
	}
	if name == "" {
		text, err := readFile(DefaultFile)
		switch {
		case err == nil:
			return DefaultFile, text, nil
		case errors.Is(err, fs.ErrNotExist) && o.Running != DefaultFile:
			return "", nil, nil
		}
		return "", nil, o.unreadable(DefaultFile, err)
	}
	if text, err = readFile(name); err != nil {
		return "", nil, o.unreadable(name, err)
	}
	return name, text, nil
}

func (o *Options) unreadable(name string, err error) error {
	advice := "is it the right path?"
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.Running == name:
		advice = "the running configuration was read from it: put it back, or restart without it"
	case errors.Is(err, fs.ErrNotExist):
		advice = "name a file that is there (-c FILE or SHOAL_CONFIG), or make one with: shoal config print"
	case errors.Is(err, fs.ErrPermission):
		advice = "let the user that runs shoal read it"
	}
	return fmt.Errorf("reading the configuration file: %w: %s", err, advice)
}

var element = regexp.MustCompile(`\[\d+\]$`)

// validate reports what is out of range, but nothing about a key that could
// not even be read.
func (l *loader) validate() {
	unread := map[string]bool{}
	for _, p := range l.problems {
		unread[p.Key] = true
	}
	l.config.Validate(func(key string, v any, allowed string) {
		whole := element.ReplaceAllString(key, "")
		at, written := l.written[whole]
		if _, rest, ok := tokensAt(strings.Split(whole, ".")); ok && len(rest) > 0 {
			at, written = l.writtenToken(whole)
		}
		switch {
		case unread[whole]:
			return
		case !written:
			at = Error{Source: "defaults", Value: Format(v)}
		case whole != key:
			at.Value = Format(v)
		}
		at.Key = key
		l.problem(at, "must be %s", allowed)
	})
}
