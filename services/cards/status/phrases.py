"""The words people use for the progress of a card, and which of the five statuses each phrase stands for.

A phrase stands here as `decoration.fold` writes it: small letters, no accents, no marks, blanks for ``_`` and ``-``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import product
from typing import Final

from bluelabel.services.cards.status.decoration import fold


class CardStatus(StrEnum):
    """What a card may say of its progress; a card that says nothing has none of these."""

    NOT_STARTED = "NOT_STARTED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    BLOCKED = "BLOCKED"
    CANCELLED = "CANCELLED"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(fold(part) for part in text.replace("\n", " ").split("|"))


NAMES: Final[Mapping[CardStatus, tuple[str, ...]]] = {
    CardStatus.NOT_STARTED: _listed("not started|notstarted|pending|planned|todo|to do|queued|open|backlog|unstarted"),
    CardStatus.IN_PROGRESS: _listed("in progress|inprogress|progress|started|active|wip|doing|ongoing"),
    CardStatus.COMPLETED: _listed("completed|complete|done|finished|closed"),
    CardStatus.BLOCKED: _listed("blocked"),
    CardStatus.CANCELLED: _listed("cancelled|canceled|dropped|abandoned"),
}
"""The phrases that say a status and no more; what a file writes for a status is one of these."""

_OTHERS: Final[Mapping[CardStatus, str]] = {
    CardStatus.NOT_STARTED: """
        not yet started|not started yet|yet to start|yet to be started|to be started|to start|not begun|
        not yet begun|not yet|unassigned|assigned|new|created|proposed|requested|scheduled|upcoming|next|next up|
        up next|later|future|someday|icebox|idea|triage|needs triage|in triage|triaged|selected|
        selected for development|selected for dev|in backlog|in the backlog|in queue|defined|specified|ready|
        ready to start|ready to begin|ready to go|ready to work|ready for work|ready for dev|ready for development|
        ready for implementation|ready to implement|ready for planning|ready for build|ready for agent|
        ready for pickup|ready to pick up|to be planned|reopened|re opened|undone|not touched|untouched|
        waiting to start|still to do|still open|tbd to start""",
    CardStatus.IN_PROGRESS: """
        work in progress|in work|in the works|underway|under way|under development|under construction|
        in development|in dev|development|developing|in implementation|implementing|implementation|
        implementation in progress|coding|in coding|building|working|working on it|in flight|in process|processing|
        running|claimed|taken|picked up|begun|just started|resumed|continuing|continued|drafting|draft|in draft|
        investigating|investigation|under investigation|researching|debugging|designing|in design|refining|
        in refinement|testing|in testing|in test|under test|in qa|qa|in uat|uat|in verification|verifying|
        in validation|validating|in staging|on staging|review|in review|under review|in code review|code review|
        reviewing|peer review|in pr|pr open|pr opened|pr submitted|pr in review|pull request open|being reviewed|
        being worked on|being tested|pending review|review pending|pending code review|pending merge|merge pending|
        pending testing|pending qa|pending test|pending tests|tests pending|testing pending|pending verification|
        pending validation|pending deployment|pending deploy|pending release|awaiting review|awaiting code review|
        awaiting merge|awaiting testing|awaiting qa|awaiting verification|awaiting deployment|awaiting release|
        waiting for review|waiting for code review|waiting for merge|waiting for qa|waiting for testing|
        waiting on review|needs review|needs testing|needs tests|needs qa|needs work|needs rework|needs changes|
        changes requested|rework|in rework|ready for review|ready for code review|ready to review|ready for qa|
        ready for test|ready for testing|ready to test|ready for merge|ready to merge|ready for release|
        ready to release|ready for deploy|ready for deployment|ready to deploy|ready to ship|ready for production|
        ready for prod|ready for acceptance|ready for verification|ready for validation|review ready|submitted|
        submitted for review|in rollout|rolling out|deploying|merging|partial|partially|partly|on track|
        partially tested|partially documented|partially working|almost|nearly|mostly|halfway|half way|halfway there|
        halfway through|almost there|nearly there|incomplete|not finished|not yet finished|not finished yet|
        unfinished|not merged|not yet merged|not deployed|not yet deployed|not released|not yet released|not tested|
        untested|not yet tested|code complete|code done|coding complete|coding done|dev complete|dev done|
        development complete|development done|implementation complete|implementation done|feature complete|
        in integration|finalizing|finishing|finishing up|wrapping up|polishing|final touches""",
    CardStatus.COMPLETED: """
        merged|resolved|fixed|shipped|delivered|released|deployed|implemented|finalized|finalised|accomplished|
        verified|success|successful|succeeded|live|in production|deployed to production|shipped to production|
        in prod|closed as completed|closed as complete|closed as done|closed as resolved|closed as fixed|
        closed completed|closed done|closed resolved|closed fixed|resolved fixed|resolved done|completed task|
        task completed|task complete|task done|merged to main|merged to master|merged into main|merged into master|
        merged in main|merged into main branch|done on main|done on master|complete on main|completed on main|
        signed off|no work left|done and dusted""",
    CardStatus.BLOCKED: """
        waiting|on hold|onhold|hold|held|paused|suspended|stalled|stuck|postponed|deferred|deferred for now|delayed|
        parked|shelved|halted|frozen|impeded|needs info|needs information|needs input|needs decision|
        needs clarification|needs feedback|needs approval|feedback needed|info needed|pending approval|
        awaiting approval|waiting for approval|awaiting feedback|waiting for feedback|awaiting input|
        waiting for input|awaiting decision|awaiting response|waiting for response|waiting on response|
        waiting on others|waiting for others|pending feedback|pending decision|pending input|pending dependency|
        pending dependencies|waiting on dependencies|waiting for dependencies|failed|error|errored|still blocked|
        in limbo""",
    CardStatus.CANCELLED: """
        wont do|will not do|wont fix|wontfix|will not fix|wontdo|wont implement|wont be done|will not be done|
        not doing|not planned|not needed|not required|no longer needed|no longer required|no longer relevant|
        not going to do|rejected|declined|denied|obsolete|obsoleted|superseded|duplicate|duplicated|dup|invalid|
        withdrawn|discarded|scrapped|removed|deleted|skipped|killed|aborted|retired|terminated|out of scope|
        cannot reproduce|cant reproduce|not reproducible|not a bug|works as designed|by design|closed as duplicate|
        closed as not planned|closed as wont fix|closed as wontfix|closed as wont do|closed as invalid|
        closed as obsolete|closed as cancelled|closed as canceled|closed not planned|closed wont fix|closed wontfix|
        closed wont do|closed duplicate|closed invalid|closed obsolete|closed superseded|closed not needed|
        closed cancelled|closed rejected|closed no longer needed|resolved wont fix|resolved duplicate|
        resolved invalid|resolved wont do""",
}
# Only words that leave no doubt among those who speak the language: what may mean two things stays unknown.
_ABROAD: Final[Mapping[CardStatus, str]] = {
    CardStatus.NOT_STARTED: """
        pendiente|por hacer|sin empezar|sin iniciar|no iniciado|no iniciada|no empezado|no comenzado|abierto|
        abierta|pendente|a fazer|nao iniciado|nao iniciada|nao comecado|aberto|aberta|por fazer|a faire|ouvert|
        ouverte|pas commence|pas commencee|non commence|non commencee|pas encore commence|pas demarre|non demarre|
        offen|nicht begonnen|noch nicht begonnen|nicht gestartet|noch nicht gestartet|ausstehend|geplant|
        zu erledigen|noch offen|neu|da fare|non iniziato|non iniziata|da iniziare|aperto|aperta|pianificato|
        in attesa di inizio|te doen|niet gestart|nog niet gestart|niet begonnen|nog niet begonnen|gepland|
        do zrobienia|nierozpoczete|nie rozpoczeto|zaplanowane|yapilacak|baslanmadi|baslamadi|henuz baslamadi|
        planlandi|не начато|не начата|не начат|ещё не начато|не начиналось|к выполнению|запланировано|запланирована|
        открыто|открыта|待办|待处理|未开始|尚未开始|还未开始|待开始|计划中|未启动|新建|待辦|待處理|未開始|尚未開始|
        未着手|未対応|未実施|これから|着手前|未处理|대기|대기 중|대기중|시작 전|시작전|미시작|예정|할 일|할일|미착수""",
    CardStatus.IN_PROGRESS: """
        en progreso|en curso|en proceso|en desarrollo|en revision|en pruebas|en marcha|iniciado|iniciada|
        em andamento|em progresso|em curso|em desenvolvimento|em revisao|em teste|em testes|en cours|
        en cours de developpement|en developpement|en revue|en relecture|en test|commence|demarre|in arbeit|
        in bearbeitung|laufend|lauft|begonnen|angefangen|gestartet|im gange|in prufung|in umsetzung|in entwicklung|
        im review|teilweise erledigt|teilweise fertig|teilweise|fast fertig|nicht fertig|noch nicht fertig|
        halb fertig|unfertig|unvollstandig|in corso|in lavorazione|in sviluppo|iniziato|iniziata|in revisione|bezig|
        mee bezig|in uitvoering|in behandeling|gestart|w trakcie|w toku|w realizacji|rozpoczete|devam ediyor|
        devam etmekte|yapiliyor|basladi|basladik|calisiliyor|incelemede|в работе|в процессе|в разработке|
        выполняется|делается|начато|начата|на проверке|на ревью|тестируется|на тестировании|частично|
        частично выполнено|частично готово|почти готово|не готово|не завершено|не закончено|进行中|正在进行|处理中|
        开发中|测试中|实施中|审核中|评审中|部分完成|基本完成|未完成|待测试|待审核|待评审|待验收|待合并|進行中|
        處理中|開發中|測試中|待審核|作業中|対応中|実装中|着手|着手中|着手済み|仕掛中|レビュー中|レビュー待ち|
        テスト中|確認中|未完了|一部完了|진행 중|진행중|작업 중|작업중|개발 중|개발중|검토 중|검토중|처리 중|처리중|
        테스트 중|테스트중|미완료|부분 완료""",
    CardStatus.COMPLETED: """
        hecho|hecha|completado|completada|completo|completa|terminado|terminada|finalizado|finalizada|cerrado|
        cerrada|feito|feita|concluido|concluida|fechado|fechada|termine|terminee|fini|finie|acheve|achevee|fait|
        faite|cloture|cloturee|erledigt|fertig|abgeschlossen|beendet|vollstandig|fertiggestellt|umgesetzt|
        geschlossen|fatto|fatta|completato|completata|finito|finita|terminato|terminata|concluso|conclusa|chiuso|
        chiusa|klaar|gereed|voltooid|afgerond|gedaan|zrobione|ukonczone|zakonczone|gotowe|wykonane|zamkniete|
        tamamlandi|bitti|bitirildi|yapildi|kapandi|готово|готова|готов|сделано|сделана|выполнено|выполнена|
        завершено|завершена|завершён|закончено|закрыто|закрыта|完成|已完成|已完成并验证|完了|完了済み|対応済み|
        対応済|実装済み|実装完了|対応完了|終了|已结束|已关闭|已合并|已解决|已实现|已發布|已发布|已關閉|已合併|
        已解決|全部完成|完成済み|済み|済|완료|완료됨|완료함|완료 됨|끝|종료|해결됨|해결|마침""",
    CardStatus.BLOCKED: """
        bloqueado|bloqueada|en espera|en pausa|pausado|pausada|aplazado|aplazada|suspendido|suspendida|em espera|
        adiado|adiada|suspenso|suspensa|bloque|bloquee|en attente|en pause|suspendu|suspendue|reporte|reportee|
        blockiert|wartet|wartend|zuruckgestellt|pausiert|verschoben|auf eis|bloccato|bloccata|in attesa|in pausa|
        sospeso|sospesa|rimandato|rimandata|geblokkeerd|in de wacht|uitgesteld|gepauzeerd|zablokowane|wstrzymane|
        odlozone|oczekuje|engellendi|beklemede|bekliyor|ertelendi|заблокировано|заблокирована|заблокирован|
        приостановлено|приостановлена|отложено|отложена|ожидание|в ожидании|на паузе|阻塞|被阻塞|已阻塞|受阻|暂停|
        已暂停|搁置|已搁置|挂起|延期|暫停|擱置|保留|保留中|ブロック|ブロック中|待ち|停止中|中断|中断中|보류|보류 중|
        보류중|차단됨|막힘|중단|중단됨|연기|연기됨""",
    CardStatus.CANCELLED: """
        cancelado|cancelada|descartado|descartada|anulado|anulada|rechazado|rechazada|rejeitado|rejeitada|annule|
        annulee|abandonne|abandonnee|rejete|rejetee|abgebrochen|verworfen|abgelehnt|entfallt|storniert|gestrichen|
        annullato|annullata|abbandonato|abbandonata|scartato|scartata|geannuleerd|vervallen|anulowane|porzucone|
        odrzucone|iptal|iptal edildi|vazgecildi|отменено|отменена|отменён|отклонено|отклонена|取消|已取消|已废弃|
        废弃|已拒绝|已放弃|已廢棄|中止|キャンセル|キャンセル済み|取り下げ|却下|취소|취소됨|폐기|폐기됨""",
}
# Whether work has begun, "not done" does not say; it is what people put down who know but two states.
_OPEN_BEFORE: Final = _listed(
    "not|not yet|isnt|not been|yet to be|to be|still to be|needs to be|must be|has to be|un|wasnt"
)
_ENDING: Final = _listed("done|completed|complete|implemented|fixed|resolved|addressed|delivered")


def _undone() -> Iterable[str]:
    for before, word in product(_OPEN_BEFORE, _ENDING):
        yield f"{before} {word}"
        if before.startswith(("not", "isnt")):
            yield f"{before} {word} yet"


PHRASES: Final[Mapping[str, CardStatus]] = {
    **dict.fromkeys(_undone(), CardStatus.NOT_STARTED),
    **{phrase: status for table in (_OTHERS, _ABROAD) for status, text in table.items() for phrase in _listed(text)},
    **{phrase: status for status, phrases in NAMES.items() for phrase in phrases},
}
"""What each known phrase stands for."""

OBJECTS: Final[Mapping[CardStatus, tuple[str, ...]]] = {
    CardStatus.NOT_STARTED: _listed(
        "planned for|planned in|scheduled for|scheduled in|assigned to|queued for|queued behind|reopened by|"
        "reopened on|reopened because|reopened due to|reopened after|targeted for|not started because|not started until"
    ),
    CardStatus.IN_PROGRESS: _listed(
        "working on|in progress by|in progress with|in progress on|in progress since|in progress at|started by|"
        "started on|in review by|under review by|in review with|in review at|being"
    ),
    CardStatus.BLOCKED: _listed(
        "blocked by|blocked on|blocked until|blocked because|blocked due to|blocked pending|blocked waiting|blocked at|"
        "blocked since|blocked in|waiting for|waiting on|waiting until|awaiting|on hold until|on hold for|"
        "on hold because|on hold due to|on hold pending|on hold since|paused until|paused because|paused for|"
        "depends on|stuck on|stuck at|stuck in|"
        "deferred to|deferred until|deferred till|postponed to|postponed until|held up by|"
        "bloqueado por|bloqueada por|blockiert durch|wartet auf|en attente de|en espera de"
    ),
    CardStatus.CANCELLED: _listed(
        "superseded by|replaced by|duplicate of|duplicates|duplicated by|cancelled by|cancelled because|"
        "cancelled due to|cancelled in favour of|cancelled in favor of|canceled by|canceled because|canceled due to|"
        "canceled in favor of|dropped because|dropped in favour of|dropped in favor of|rejected by|rejected because|"
        "obsoleted by|abandoned in favour of|abandoned in favor of|abandoned because"
    ),
}
"""Phrases that take an object, of whatever words, and what they stand for with it."""
