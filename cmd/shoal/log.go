package main

import (
	"io"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/shoal-tracker/shoal/internal/config"
)

// newLogger returns a logger for file and the level it obeys from now on.
func newLogger(file *os.File, c config.Log) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(levelOf(c))
	return slog.New(newHandler(file, c.Format, term.IsTerminal(int(file.Fd())), level)), level
}

func newHandler(w io.Writer, format string, terminal bool, level slog.Leveler) slog.Handler {
	if format == "text" || format == "auto" && terminal {
		return tint.NewTextHandler(w, &tint.Options{
			Level:      level,
			TimeFormat: time.DateTime,
			NoColor:    !terminal || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || runtime.GOOS == "windows",
		})
	}
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: durationAsText})
}

// durationAsText has "30m0s" stand in JSON, as in text, rather than a number
// of nanoseconds.
func durationAsText(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

func levelOf(c config.Log) slog.Level {
	switch c.Level {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}
