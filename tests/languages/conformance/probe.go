// Answers the questions of tests/languages/conformance.rs with clients/go/stopctl.go.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"stopctl"
)

func main() {
	stop := stopctl.FromEnv()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		question, argument, _ := strings.Cut(lines.Text(), " ")
		switch question {
		case "supervised":
			fmt.Println(choose(stop.IsSupervised(), "yes", "no"))
		case "look":
			fmt.Println(choose(stop.IsSet(), "stop", "run"))
		case "request":
			fmt.Println(request(stop))
		case "wait":
			milliseconds, _ := strconv.Atoi(argument)
			fmt.Println(choose(stop.Wait(time.Duration(milliseconds)*time.Millisecond), "stop", "timeout"))
		}
	}
}

func choose(yes bool, word, other string) string {
	if yes {
		return word
	}
	return other
}

func request(stop *stopctl.Flag) string {
	request, asked := stop.Request()
	if !asked {
		return "none"
	}
	deadline := "-"
	if request.Nanoseconds != 0 {
		deadline = strconv.FormatUint(request.Nanoseconds, 10)
	}
	return fmt.Sprintf("%c %s %s", request.Level, choose(request.Reason != "", request.Reason, "-"), deadline)
}
