package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"ready6/probes/verdict"
)

// version is set by release builds with -ldflags "-X main.version=…".
var version = ""

// toolVersion is the program's version: the release's, else the commit's.
func toolVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "dev-" + s.Value[:12]
			}
		}
	}
	return "dev"
}

func versionCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of its rules",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(s.out, "ready6 %s, rules %d, %s %s/%s\n", toolVersion(), verdict.RulesVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return wrapFailed(err)
		},
	}
}
