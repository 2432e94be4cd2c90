package certificates

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// TestLog: steps of the libraries are for debugging, their errors warnings.
func TestLog(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		var out bytes.Buffer
		handler := slog.NewTextHandler(&out, &slog.HandlerOptions{
			Level: level,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		})
		z := zapTo(slog.New(handler)).With(zap.String("with", "w"))
		z.Debug("step 1")
		z.Info("step 2", zap.Strings("names", []string{"a", "b"}))
		z.Warn("odd")
		z.Named("x").Error("bad", zap.Error(errors.New("why")), zap.Int("a", 1))
		s := slog.New(lowered{handler}).With("with", "w").WithGroup("g")
		s.Info("step 3", "a", 1)
		s.Error("worse", "a", 1)
		want := `level=WARN msg=odd with=w
level=WARN msg=bad a=1 error=why with=w
level=WARN msg=worse with=w g.a=1
`
		if level == slog.LevelDebug {
			want = `level=DEBUG msg="step 1" with=w
level=DEBUG msg="step 2" names="[a b]" with=w
level=WARN msg=odd with=w
level=WARN msg=bad a=1 error=why with=w
level=DEBUG msg="step 3" with=w g.a=1
level=WARN msg=worse with=w g.a=1
`
		}
		if got := out.String(); got != want {
			t.Errorf("level %v: got\n%s\nwant\n%s", level, got, want)
		}
		if zapTo(slog.New(handler)).Core().Enabled(zap.InfoLevel) != handler.Enabled(context.Background(), slog.LevelDebug) {
			t.Errorf("level %v: what is enabled differs", level)
		}
		if strings.Contains(out.String(), "goroutine") {
			t.Error("a stack is logged")
		}
	}
}
