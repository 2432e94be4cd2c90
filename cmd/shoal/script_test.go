package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"shoal": main})
}

func TestScript(t *testing.T) { runScripts(t, "testdata/script") }

// commands are what scripts may use beside those of testscript.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"await":       await,
	"certificate": certificate,
	"exits":       exits,
}

func runScripts(t *testing.T, dir string) {
	setup := func(env *testscript.Env) error { // not the standard ports: scripts run at the same time
		env.Setenv("SHOAL_API__LISTEN", "127.0.0.1:0")
		env.Setenv("SHOAL_HEALTH__LISTEN", "127.0.0.1:0")
		return nil
	}
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true, Setup: setup, Cmds: commands})
}

// await FILE REGEXP [VARIABLE...] waits until the file has a match, and puts
// its groups into variables.
func await(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await FILE REGEXP [VARIABLE...]")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	name := ts.MkAbs(args[0])
	var text []byte
	for range 1000 {
		text, _ = os.ReadFile(name) // it may not be there yet
		if match := pattern.FindSubmatch(text); match != nil {
			for i, variable := range args[2:] {
				ts.Setenv(variable, string(match[i+1]))
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("no match for %q in %s:\n%s", args[1], args[0], text)
}

// exits CODE PROGRAM [ARGUMENT...] runs a program that must end with the code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT...]")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// certificate CERT KEY writes a certificate for 127.0.0.1, its own authority,
// and its key.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate CERT KEY")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: cert}, {Type: "PRIVATE KEY", Bytes: secret}} {
		ts.Check(os.WriteFile(ts.MkAbs(args[i]), pem.EncodeToMemory(block), 0o600))
	}
}
