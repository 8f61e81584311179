# bash completion for spike:
#   source <(spike completion bash)
# or, for each new shell: spike completion bash > ~/.local/share/bash-completion/completions/spike

_spike() {
    # Bash splits words at = and : as well; spike wants them whole.
    local words=() word glued='' i
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ ${#words[@]} -gt 0 && ($glued || $word == [=:]*) ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        [[ $word == *[=:] ]] && glued=1 || glued=''
    done
    local whole=${words[${#words[@]} - 1]} last=${COMP_WORDS[COMP_CWORD]} offer
    [[ $last == [=:] ]] && last=''
    COMPREPLY=()
    while IFS=$'\t' read -r offer _; do
        COMPREPLY+=("${offer:$((${#whole} - ${#last}))}")
    done < <("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null)
}
complete -o bashdefault -o default -F _spike spike
