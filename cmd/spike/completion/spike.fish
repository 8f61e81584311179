# fish completion for spike:
#   spike completion fish | source
# or, for each new shell: spike completion fish > ~/.config/fish/completions/spike.fish

function __spike_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l offers ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    if test (count $offers) -gt 0
        printf '%s\n' $offers
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c spike -f -a '(__spike_complete)'
