package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes of the command contract.
const (
	exitDone     = 0
	exitFailed   = 1 // could not do it, or not in full: a broken vantage, an interrupted run
	exitUsage    = 2 // wrong flags, bad input files
	exitFindings = 3 // done, and the findings are under the threshold of --fail-on
)

// failure is an error that knows its exit code. Quiet ones have been told already.
type failure struct {
	code  int
	err   error
	quiet bool
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(err error) error              { return &failure{code: exitUsage, err: err} }
func usagef(form string, a ...any) error { return usage(fmt.Errorf(form, a...)) }
func failed(err error) error             { return &failure{code: exitFailed, err: err} }
func told(code int) error                { return &failure{code: code, err: errors.New("told"), quiet: true} }

// streams are a command's ways in and out: data goes to out, all else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      []string
}

// run is the whole program. It decides nothing but the exit code.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(streams{in: stdin, out: stdout, err: stderr, env: env})
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var f *failure
	ours := errors.As(err, &f)
	if !ours {
		// Everything the commands return is a failure; the rest is cobra's: about
		// flags, except where it could not write help or a completion script.
		f = &failure{code: exitUsage, err: err}
		if wrote := (*fs.PathError)(nil); errors.As(err, &wrote) {
			f.code = exitFailed
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		f = &failure{code: exitFailed, err: errors.New("interrupted")}
	}
	if !f.quiet {
		said := strings.TrimRight(f.err.Error(), "\n")
		if ours && f.code == exitUsage && strings.Contains(said, "\n") {
			said = "faults in the input; nothing was touched:\n" + said
		}
		fmt.Fprintf(stderr, "ready6: %s\n", said)
	}
	return f.code
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q; see ready6 %s --help", args[0], cmd.CommandPath(), use)
			}
			return cmd.Help()
		}}
	c.AddCommand(commands...)
	return c
}

// newRoot builds the command tree.
func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "ready6",
		Short: "How far is every agency from running on IPv6 alone, with signed DNS and valid routes?",
		Long: `ready6 scans the services of a province's agencies and says, with evidence, how far
each is from running on IPv6 alone (AAAA records, reachability, everything they
depend on), whether its names are secure from the DNS root, and whether the routes
to its addresses are covered by ROAs; what blocks it, and who can mend it.

Start here:   ready6 scan --lab               a whole province in memory, no network needed
One domain:   ready6 probe www.example.gov.vn
Every night:  ready6 nightly --inventory FILE

Every flag can also be set as READY6_FLAG_NAME in the environment, or as
flag-name: value in ready6.yaml (this folder, then /etc/ready6); flags win over
the environment, which wins over the file.
Exit codes: 0 done, 1 failed or not measured in full, 2 usage or bad input,
3 findings under the threshold of --fail-on.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if err.Error() == "unknown flag: --plan" {
			return fmt.Errorf("%w%s", err, renamed("plan"))
		}
		return err
	})
	root.PersistentFlags().String("config", "", "configuration file instead of ready6.yaml")
	root.AddCommand(
		scanCommand(s), probeCommand(s), dnssecCommand(s), rpkiCommand(s), inventoryCommand(s),
		reportCommand(s), nightlyCommand(s), historyCommand(s), labCommand(s), contactPageCommand(s), versionCommand(s),
	)
	return root
}

func wrapUsage(err error) error {
	if err == nil {
		return nil
	}
	return usage(err)
}
