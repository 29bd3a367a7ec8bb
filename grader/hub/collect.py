"""Collects what students handed in, each under the name of the one who did."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from nbgrader.exchange.default.collect import ExchangeCollect


class OwnedCollect(ExchangeCollect):
    """nbgrader's, without folders that say another name than their owner's.

    Everybody may write into the exchange. nbgrader only warns of such a folder, and takes it.
    """

    def init_src(self):
        super().init_src()
        for record in self.src_records:
            if not self._is_owners(record):
                self.log.error("%s is not its owner's; it was not collected", record["filename"])
        self.src_records = [record for record in self.src_records if self._is_owners(record)]

    def _sort_by_timestamp(self, records):
        """The newest first, and what is not its owner's last."""
        return sorted(super()._sort_by_timestamp(records), key=self._is_owners, reverse=True)

    def _is_owners(self, record: dict) -> bool:
        folder = Path(self.inbound_path) / record["filename"]
        try:
            return pwd.getpwuid(os.lstat(folder).st_uid).pw_name == record["username"]
        except KeyError:  # nobody of this class
            return False
