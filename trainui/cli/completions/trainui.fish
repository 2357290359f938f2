# completion of trainui in fish
function __trainui_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (trainui __complete fish $words[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c trainui -f -a '(__trainui_complete)'
