package api

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestLoadToken(t *testing.T) {
	dir := t.TempDir()
	token, file, err := LoadToken(dir)
	if err != nil || file != filepath.Join(dir, "api-token") || len(token) < 32 || !isToken(token) {
		t.Fatalf("%q, %q, %v", token, file, err)
	}
	again, _, err := LoadToken(dir)
	if err != nil || again != token {
		t.Errorf("then %q, %v; want %q", again, err, token)
	}
	if other, _, _ := LoadToken(t.TempDir()); other == token {
		t.Error("two draws are the same")
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if runtime.GOOS == "windows" {
		return // has other rights than these
	}
	mode := func() os.FileMode {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if mode() != 0o600 {
		t.Errorf("mode is %o", mode())
	}
	os.Chmod(file, 0o644)
	if again, _, err := LoadToken(dir); err != nil || again != token || mode() != 0o600 {
		t.Errorf("a file that others may read: %q, %v, mode %o", again, err, mode())
	}
}

func TestLoadTokenErrors(t *testing.T) {
	for _, text := range []string{"", "short", "s3cret s3cret", strings.Repeat("s3cret", 50)} {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "api-token"), []byte(text), 0o600)
		token, _, err := LoadToken(dir)
		if err == nil || token != "" || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %q, %v", text, token, err)
		}
	}
	if token, _, err := LoadToken(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Errorf("without a directory: %q", token)
	}
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "api-token"), 0o700)
	if token, _, err := LoadToken(dir); err == nil {
		t.Errorf("from a directory: %q", token)
	}
	dir = t.TempDir()
	os.WriteFile(filepath.Join(dir, "api-token"), []byte("  chosen-by-hand\r\n"), 0o600)
	if token, _, err := LoadToken(dir); err != nil || token != "chosen-by-hand" {
		t.Errorf("%q, %v", token, err)
	}
}
